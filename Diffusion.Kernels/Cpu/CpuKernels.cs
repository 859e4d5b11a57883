using Diffusion.Kernels.Reference;

namespace Diffusion.Kernels.Cpu;

/// <summary>Which implementation runs a spec on the processor.</summary>
internal static class CpuKernels
{
    /// <summary>The SIMD kernel of a validated spec; the float64 reference for what those don't cover.</summary>
    public static PreparedKernel Prepare(CpuContext context, KernelSpec spec)
    {
        if (NeedsReference(spec))
            return ReferenceKernels.Prepare(spec);
        return spec switch
        {
            ElementwiseSpec elementwise => CpuElementwise.Prepare(context, elementwise),
            GemmSpec gemm => CpuGemm.Prepare(gemm, context),
            ConvolutionSpec convolution => CpuConvolution.Prepare(convolution, context),
            AttentionSpec attention => CpuAttention.Prepare(attention, context),
            GroupNormSpec norm => CpuGroupNorm.Prepare(context, norm),
            RowNormSpec norm => CpuRowNorm.Prepare(context, norm),
            SoftmaxSpec softmax => CpuSoftmax.Prepare(context, softmax),
            ReductionSpec reduction => CpuReduction.Prepare(context, reduction),
            QuantileSpec quantile => CpuQuantile.Prepare(context, quantile),
            ResamplingSpec resampling => CpuResampling.Prepare(context, resampling),
            PoolingSpec pooling => CpuPooling.Prepare(context, pooling),
            GatherSpec gather => CpuGather.Prepare(context, gather),
            QuantizedGemmSpec gemm => CpuQuantizedGemm.Prepare(gemm, context),
            RandomSpec random => CpuRandom.Prepare(context, random),
            _ => ReferenceKernels.Prepare(spec),
        };
    }

    /// <summary>Float64 anywhere, or an epilogue larger than a launch's fixed tables.</summary>
    private static bool NeedsReference(KernelSpec spec)
    {
        foreach (var operand in spec.Operands)
        {
            if (operand.Type == ElementType.Float64)
                return true;
        }
        int inputs = spec is ElementwiseSpec elementwise ? elementwise.Inputs.Length : spec.Epilogue.Program.InputCount;
        return inputs > EpilogueLaunch.MaxInputs || spec.ScalarCount > EpilogueLaunch.MaxScalars;
    }
}
