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
            GroupNormSpec norm => GpuGroupNorm.Prepare(context, norm),
            RowNormSpec norm => GpuRowNorm.Prepare(context, norm),
            SoftmaxSpec softmax => GpuRowNorm.Prepare(context, softmax),
            ReductionSpec reduction => GpuReduction.Prepare(context, reduction),
            QuantileSpec quantile => GpuQuantile.Prepare(context, quantile),
            ResamplingSpec resampling => GpuResampling.Prepare(context, resampling),
            PoolingSpec pooling => GpuResampling.Prepare(context, pooling),
            QuantizedGemmSpec gemm => GpuQuantizedGemm.Prepare(context, gemm),
            RandomSpec random => GpuRandom.Prepare(context, random),
            GatherSpec gather => GpuGather.Prepare(context, gather),
            _ => throw new NotSupportedException($"{spec.GetType().Name} has no kernel for GPUs; compute it on the device \"cpu\"."),
        };
    }
}
