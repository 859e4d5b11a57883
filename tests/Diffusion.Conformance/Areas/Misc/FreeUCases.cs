using System.Globalization;
using Diffusion.Conformance.Areas.Models;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Guidances;

namespace Diffusion.Conformance.Areas.Misc;

/// <summary>Guidance rescaling and FreeU of <c>misc/guidance_freeu.safetensors</c> by the names of their results.</summary>
internal static class FreeUCases
{
    // The layout's README gives these factors.
    private static readonly FreeU Factors = new(S1: 0.9, S2: 0.2, B1: 1.2, B2: 1.4);

    /// <summary>Computes a result; null where its name isn't known.</summary>
    public static Tensor? Compute(SafetensorsFile file, Device device, string name)
    {
        Tensor In(string input) => FixtureTensors.Read(file, input, device);
        var parts = name.Split('/');
        switch (parts[0])
        {
            case "rescale_noise_cfg":
                return Guidance.RescaleNoise(In("rescale_noise_cfg/noise_cfg"), In("rescale_noise_cfg/noise_pred_text"), double.Parse(parts[1], CultureInfo.InvariantCulture));
            case "fourier_filter":
                var options = parts[2].Split('_');
                return Fourier.ScaleLowFrequencies(In($"fourier_filter/{parts[1]}/in"),
                    int.Parse(options[0]["threshold".Length..], CultureInfo.InvariantCulture),
                    double.Parse(options[1]["scale".Length..], CultureInfo.InvariantCulture));
            case "apply_freeu":
                int block = int.Parse(parts[1]["block".Length..], CultureInfo.InvariantCulture);
                var edited = Factors.Edit(new SkipConnection("UpBlock2D", block, 0, In("apply_freeu/hidden"), In("apply_freeu/res")));
                return parts[2] == "hidden" ? edited.Hidden : edited.Residual;
            default:
                return null;
        }
    }
}
