namespace Diffusion.Kernels.Cpu;

/// <summary>Convolutions on the CPU.</summary>
internal static class CpuConvolution
{
    /// <summary>Prepares <see cref="ConvolutionSpec"/> with the algorithm that costs least.</summary>
    public static PreparedKernel Prepare(ConvolutionSpec spec, CpuContext context)
    {
        spec.Validate();
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in KernelArguments _) => { });
        return Prepare(spec, context, ConvolutionChoice.Choose(spec, context));
    }

    /// <summary>Prepares a contract with a given algorithm.</summary>
    public static PreparedKernel Prepare(ConvolutionSpec spec, CpuContext context, ConvolutionAlgorithm algorithm) => algorithm switch
    {
        ConvolutionAlgorithm.Winograd2 => Winograd.Prepare(spec, context, 2, late: false),
        ConvolutionAlgorithm.StridedWinograd2 => Winograd.Prepare(spec, context, 2, late: false),
        ConvolutionAlgorithm.Winograd4 => Winograd.Prepare(spec, context, 4, late: false),
        ConvolutionAlgorithm.LateWinograd2 => Winograd.Prepare(spec, context, 2, late: true),
        ConvolutionAlgorithm.LateWinograd4 => Winograd.Prepare(spec, context, 4, late: true),
        _ when spec.Groups == 1 && spec.W.Shape[0] <= FewOutputsConvolution.MaxOutputs && spec.W.Shape[1] >= FewOutputsConvolution.MinChannels =>
            FewOutputsConvolution.Prepare(spec, context),
        _ => ImplicitConvolution.Prepare(spec, context),
    };
}
