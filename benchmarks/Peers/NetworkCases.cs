using Diffusion.Benchmarks.Measuring;
using Diffusion.Benchmarks.Networks;
using Diffusion.Benchmarks.Verbs;
using Diffusion.Core.Devices;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;

namespace Diffusion.Benchmarks.Peers;

/// <summary>Whole networks, the same weights on both sides.</summary>
internal static class NetworkCases
{
    // Stored, and packed for the kernels (docs/performance.md measures 1.24), with room for everything else.
    private const double PackedShare = 1.25;
    private const double Room = 2e9;

    /// <summary>One forward of the UNet of Stable Diffusion 1.5, 64×64 latents.</summary>
    public static PeerCase UNet { get; } = new("unet-sd15:64x64", StableDiffusion15.Gigaflops, true, device =>
    {
        var values = StableDiffusion15.Values();
        var step = new UNetStep(StableDiffusion15.Model(values, device), device);
        step.PrintPlanning();
        step.PrintFirstStep();
        var peer = new TorchUNet(UNetShape.StableDiffusion15, values);
        return new PeerRun(
            step.Compute,
            () =>
            {
                using var output = step.Graph();
                return output.ToArray();
            },
            [new Peer("libtorch", [peer.Compute], peer.Output)],
            step.PrintMemory);
    });

    /// <summary>Decoding to 512×512.</summary>
    public static PeerCase Decoder { get; } = new("vae-decode:512x512", 2514.5, true, device =>
    {
        var values = NetworkValues.Of(AutoencoderKL.ExpectedTensors(StableDiffusionDecoder.Config));
        var model = AutoencoderKL.Of(StableDiffusionDecoder.Config, NetworkValues.Weights(values, device));
        var latents = StableDiffusionDecoder.Latents.Input(device);
        return Network(device, () => model.Decode(latents), new TorchDecoder(values, isChannelsLast: true), new TorchDecoder(values, isChannelsLast: false));
    });

    /// <summary>One forward of the UNet of Stable Diffusion XL, 128×128 latents.</summary>
    /// <param name="shared">Layers of equal shape have the same weights.</param>
    public static PeerCase UNetXl(bool shared) => new($"unet-sdxl:128x128{(shared ? ",shared" : "")}", 6239.6, true, device =>
    {
        var shape = UNetShape.StableDiffusionXl;
        var values = NetworkValues.Of(UNet2DConditionModel.ExpectedTensors(shape.Config), shared);
        var model = UNet2DConditionModel.Of(shape.Config, NetworkValues.Weights(values, device));
        var (sample, conditioning) = (shape.Sample.Input(device), shape.Conditioning(device));
        return Network(device, () => model.Forward(sample, UNetShape.Timestep, conditioning), new TorchUNet(shape, values));
    });

    /// <summary>Why the UNet of Stable Diffusion XL can't run here; empty when it can.</summary>
    public static string XlProblem()
    {
        double needed = UNetShape.StableDiffusionXl.WeightBytes * (1 + PackedShare) + Room, free = Memory.AvailableBytes;
        return needed <= free ? ""
            : FormattableString.Invariant($"its weights take {UNetShape.StableDiffusionXl.WeightBytes / 1e9:F1} GB as stored, {needed / 1e9:F0} GB with what is packed of them; {free / 1e9:F0} GB are free. --shared gives layers of equal shape the same weights.");
    }

    private static PeerRun Network(Device device, Func<Tensor> graph, params TorchNetwork[] peers)
    {
        var report = device.Explain(graph());
        Console.WriteLine($"plan: {report.Summary}");
        return new PeerRun(
            () =>
            {
                using var output = graph();
                output.Realize();
            },
            () =>
            {
                using var output = graph();
                return output.ToArray();
            },
            [new Peer("libtorch", [.. peers.Select(peer => (Action)peer.Compute)], peers[0].Output)],
            () => Console.WriteLine($"memory: {Memory.Megabytes(Memory.ResidentBytes)} resident; device {Memory.Megabytes(device.LiveBytes)} live, {Memory.Megabytes(device.PeakBytes)} at most"));
    }
}
