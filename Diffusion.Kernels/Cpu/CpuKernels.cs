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
            ElementwiseSpec s => CpuElementwise.Prepare(context, s),
            GroupNormSpec s => CpuGroupNorm.Prepare(context, s),
            RowNormSpec s => CpuRowNorm.Prepare(context, s),
            SoftmaxSpec s => CpuSoftmax.Prepare(context, s),
            GemmSpec s => CpuGemm.Prepare(s, context),
            ConvolutionSpec s => CpuConvolution.Prepare(s, context),
            AttentionSpec s => CpuAttention.Prepare(s, context),
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
