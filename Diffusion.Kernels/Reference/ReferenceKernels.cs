namespace Diffusion.Kernels.Reference;

/// <summary>
/// The meaning of every contract: plain loops in float64 over host memory, for all element types and strides. Float64 tensors
/// are computed by them, and the tests measure the other backends against them.
/// </summary>
internal static class ReferenceKernels
{
    /// <summary>A kernel that computes the definition.</summary>
    public static PreparedKernel Prepare(KernelSpec spec)
    {
        var layouts = spec.Operands;
        return new(spec, "reference", 0, [], (in launch) => Run(spec, new ReferenceArguments(spec.Epilogue, layouts.AsSpan(), in launch)));
    }

    private static void Run(KernelSpec spec, ReferenceArguments arguments)
    {
        if (arguments.Output.Layout.Count == 0)
            return;
        switch (spec)
        {
            case ElementwiseSpec s: ReferenceElementwise.Run(s, in arguments); break;
            case GemmSpec s: ReferenceGemm.Run(s, in arguments); break;
            case ConvolutionSpec s: ReferenceConvolution.Run(s, in arguments); break;
            case AttentionSpec s: ReferenceAttention.Run(s, in arguments); break;
            case GroupNormSpec s: ReferenceNormalization.Run(s, in arguments); break;
            case RowNormSpec s: ReferenceNormalization.Run(s, in arguments); break;
            case SoftmaxSpec s: ReferenceNormalization.Run(s, in arguments); break;
            case ReductionSpec s: ReferenceReduction.Run(s, in arguments); break;
            case QuantileSpec s: ReferenceReduction.Run(s, in arguments); break;
            case ResamplingSpec s: ReferenceResampling.Run(s, in arguments); break;
            case PoolingSpec s: ReferenceResampling.Run(s, in arguments); break;
            case GatherSpec s: ReferenceElementwise.Run(s, in arguments); break;
            case QuantizedGemmSpec s: ReferenceQuantizedGemm.Run(s, in arguments); break;
            case RandomSpec s: ReferenceRandom.Run(s, in arguments); break;
            default: throw new NotSupportedException($"Reference: no definition of {spec.GetType().Name}; add one in Diffusion.Kernels/Reference.");
        }
    }
}
