using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>
/// What a picture of 512×512 takes in memory: the text encoder, guided steps (a batch of two) and the decoder of Stable Diffusion 1.5 over
/// mapped files of random float16 weights.
/// </summary>
internal static class MemoryVerb
{
    private static readonly ClipTextConfig Text = new() { HiddenSize = 768, IntermediateSize = 3072, NumAttentionHeads = 12, ProjectionDim = 768 };

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var folder = Directory.CreateTempSubdirectory("diffusion-memory-");
        try
        {
            long stored = Write(folder.FullName, "text", ClipTextModel.ExpectedTensors(Text)) + Write(folder.FullName, "unet", UNet2DConditionModel.ExpectedTensors(StableDiffusion15.Config))
                + Write(folder.FullName, "vae", AutoencoderKL.ExpectedTensors(StableDiffusionDecoder.Config));
            GC.Collect(2, GCCollectionMode.Aggressive, true, true);
            Print("files written", 0);
            Console.WriteLine($"weights as stored {Memory.Megabytes(stored)}, float16; budget {options.Weights.SecondsPerGigabyte} s a GB; {options.Threads} threads");
            Picture(folder.FullName, options);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Picture(string folder, BenchmarkOptions options)
    {
        using var device = new Device(CpuBackend.Create(options.Cpu));
        WeightStore Store(string name) => WeightStore.Open(Path.Combine(folder, name + ".safetensors"));
        using WeightStore text = Store("text"), unet = Store("unet"), vae = Store("vae");
        var encoder = ClipTextModel.Load(Text, text, device);
        var denoiser = UNet2DConditionModel.Load(StableDiffusion15.Config, unet, device);
        var decoder = AutoencoderKL.Load(StableDiffusionDecoder.Config, vae, device);
        Print("loaded", 0);
        using var ids = Tensor.FromIntegers([.. Enumerable.Range(0, 2 * 77).Select(i => (long)i % 49408)], new Shape([2, 77]), device);
        Tensor? tokens = null, latents = null;
        Print("text encoded", Clock.Of(() => tokens = encoder.Forward(ids).LastHiddenState.Realize()).Wall);
        using var sample = RandomArray.Uniform(1, 1.7f, 2, 4, 64, 64).Input(device);
        for (int i = 0; i < (options.Quick ? 2 : 4); i++)
        {
            latents?.Dispose();
            Print($"guided step {i + 1}", Clock.Of(() => latents = denoiser.Forward(sample, StableDiffusion15.Timestep, UNetConditioning.OnTokens(tokens!)).Realize()).Wall);
        }
        Tensor? picture = null;
        Print("decoded", Clock.Of(() => picture = decoder.Decode(latents!.Slice(0, 0, 1)).Realize()).Wall);
        Console.WriteLine($"MEMORY peak {Memory.Megabytes(Memory.PeakBytes)} resident; device {Memory.Megabytes(device.PeakBytes)} of tensors and scratch at most; picture {picture!.Shape}");
    }

    private static void Print(string stage, double milliseconds) =>
        Console.WriteLine($"{stage,-16} {milliseconds,8:F0} ms  {Memory.Megabytes(Memory.ResidentBytes)} resident, {Memory.Megabytes(Memory.PeakBytes)} at most so far");

    /// <summary>Random numbers of a size that keeps activations finite; all tensors share them.</summary>
    private static long Write(string folder, string name, IReadOnlyList<ExpectedTensor> tensors)
    {
        long largest = tensors.Max(t => t.Shape.Aggregate(1L, (a, b) => a * b));
        var noise = RandomArray.Uniform(7, 0.03f, checked((int)largest)).Values;
        var bytes = TensorBytes.OfHalves("noise", [largest], noise).Bytes;
        SafetensorsWriter.Save(
            Path.Combine(folder, name + ".safetensors"),
            tensors.Select(t => new TensorBytes(t.Name, SafetensorsDtype.F16, [.. t.Shape], bytes[..checked((int)(2 * t.Shape.Aggregate(1L, (a, b) => a * b)))])), []);
        return new FileInfo(Path.Combine(folder, name + ".safetensors")).Length;
    }
}
