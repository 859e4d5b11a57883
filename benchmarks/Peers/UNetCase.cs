using Diffusion.Benchmarks.Networks;
using Diffusion.Benchmarks.Verbs;
using Diffusion.Core.Devices;

namespace Diffusion.Benchmarks.Peers;

/// <summary>One forward of the UNet of Stable Diffusion 1.5, 64×64 latents, the same weights on both sides.</summary>
internal static class UNetCase
{
    public static PeerCase Create(Device device) => new("unet-sd15:64x64", StableDiffusion15.Gigaflops, true, () =>
    {
        var values = StableDiffusion15.Values();
        var step = new UNetStep(StableDiffusion15.Model(values, device), device);
        step.PrintPlanning();
        step.PrintFirstStep();
        var peer = new TorchUNet(values);
        return new PeerRun(
            step.Compute,
            [peer.Compute],
            () =>
            {
                using var output = step.Graph();
                return (output.ToArray(), peer.Output());
            },
            step.PrintMemory);
    });
}
