using System.Globalization;
using System.Text.RegularExpressions;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;

namespace Diffusion.Conformance.Areas.Misc;

/// <summary>The embeddings of <c>misc/embeddings.safetensors</c> by the names of their results.</summary>
internal static partial class EmbeddingCases
{
    /// <summary>Computes a result; null where its name isn't known.</summary>
    public static Tensor? Compute(SafetensorsFile file, Device device, string name)
    {
        var parts = name.Split('/');
        double Option(string option, double @default) =>
            Options().Matches(parts[1]).FirstOrDefault(m => m.Groups[1].Value == option) is { } match
                ? double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) : @default;
        int dim = (int)Option("dim", 0);
        switch (parts[0])
        {
            case "timestep_embedding":
                // The cases that name a scale and a period leave the other options at their defaults.
                return Embeddings.Timestep(file.ToFloats("timesteps"), dim, Option("flip", 0) != 0, Option("shift", 1), Option("scale", 1), Option("period", 10000), device);
            case "gaussian_fourier":
                return Embeddings.GaussianFourier(file.ToFloats("gaussian_fourier/in"), file.ToFloats("gaussian_fourier/weight"), Option("log", 1) != 0, Option("flip", 0) != 0, device);
            case "lcm_guidance_embedding":
                return Embeddings.GuidanceScale(file.ToFloats("lcm_guidance_embedding/w"), dim, device);
            case "sinusoidal_pe":
                return Embeddings.SinusoidalPositions((int)Option("len", 0), dim, device);
            case "fourier_bbox":
                return Embeddings.FourierBoxes(Models.FixtureTensors.Read(file, "fourier_bbox/in", device), dim);
            case "sincos2d" when Grid().Match(parts[1]) is { Success: true } grid:
                int rows = int.Parse(grid.Groups[1].Value, CultureInfo.InvariantCulture);
                int columns = grid.Groups[2].Success ? int.Parse(grid.Groups[2].Value, CultureInfo.InvariantCulture) : rows;
                // Where no base is named, positions are the grid's own.
                return Embeddings.SinCos2d(dim, rows, columns, Option("scale", 1), (int)Option("base", rows), device);
            default:
                return null;
        }
    }

    [GeneratedRegex(@"([a-z]+)([0-9.]+)")]
    private static partial Regex Options();

    [GeneratedRegex(@"^grid_?(\d+)(?:x(\d+))?_")]
    private static partial Regex Grid();
}
