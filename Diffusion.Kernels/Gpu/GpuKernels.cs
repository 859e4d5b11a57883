namespace Diffusion.Kernels.Gpu;

/// <summary>Which implementation runs a spec on a GPU.</summary>
internal static class GpuKernels
{
    /// <summary>The kernel of a validated spec.</summary>
    public static PreparedKernel Prepare(GpuContext context, KernelSpec spec)
    {
        // Exactness is what float64 is asked for; devices without it, or slow at it, gain nothing.
        if (spec.Operands.Any(operand => operand.Type == ElementType.Float64))
            return HostKernel.Prepare(spec);
        return spec switch
        {
            ElementwiseSpec elementwise => GpuElementwise.Prepare(context, elementwise),
            GemmSpec gemm => GpuGemm.Prepare(context, gemm),
            ConvolutionSpec convolution => GpuConvolution.Prepare(context, convolution),
            AttentionSpec attention => GpuAttention.Prepare(context, attention),
            _ => HostKernel.Prepare(spec),
        };
    }
}
