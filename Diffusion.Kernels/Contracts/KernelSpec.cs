using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// What a kernel is to compute: a value with all shapes, strides and types fixed. The closed set of contracts is
/// <see cref="ElementwiseSpec"/>, <see cref="GemmSpec"/>, <see cref="ConvolutionSpec"/>, <see cref="AttentionSpec"/>,
/// <see cref="GroupNormSpec"/>, <see cref="RowNormSpec"/>, <see cref="SoftmaxSpec"/>, <see cref="ReductionSpec"/>,
/// <see cref="ResamplingSpec"/>, <see cref="PoolingSpec"/>, <see cref="GatherSpec"/>, <see cref="QuantileSpec"/>,
/// <see cref="QuantizedGemmSpec"/> and <see cref="RandomSpec"/>.
/// A backend turns a spec into a <see cref="PreparedKernel"/>; the float64 reference says what it means.
/// </summary>
public abstract record KernelSpec
{
    private protected KernelSpec()
    {
    }

    /// <summary>Layouts of all operands in launch order; the output is always the last one.</summary>
    public abstract ImmutableArray<Layout> Operands { get; }

    /// <summary>The element-by-element program that runs on the result before it is stored.</summary>
    public virtual Epilogue Epilogue => Epilogue.None;

    /// <summary>How many host scalars a launch takes (those of the epilogue or program).</summary>
    public virtual int ScalarCount => Epilogue.Program.ScalarCount;

    /// <summary>Throws <see cref="KernelShapeException"/> when the operands don't fit each other.</summary>
    public abstract void Validate();

    /// <summary>Floating-point operations of the contract's plain definition (2 a multiply-add); 0 where meaningless.</summary>
    public virtual double Flops => 0;

    /// <summary>Fails with a message that names the contract.</summary>
    private protected static void Require(bool condition, string operation, string message)
    {
        if (!condition)
            throw new KernelShapeException($"{operation}: {message}");
    }

    /// <summary>Checks that epilogue inputs have the output's shape.</summary>
    private protected static void RequireEpilogue(Epilogue epilogue, Layout output, int accumulators, string operation)
    {
        Require(epilogue.Program.InputCount == accumulators + epilogue.Inputs.Length, operation,
            $"the epilogue's program has {epilogue.Program.InputCount} inputs, expected {accumulators} results + {epilogue.Inputs.Length} operands.");
        foreach (var input in epilogue.Inputs)
        {
            Require(input.Shape.AsSpan().SequenceEqual(output.Shape.AsSpan()), operation,
                $"an epilogue operand {input} hasn't the output's shape {output}; broadcast by strides of 0.");
        }
    }
}

/// <summary>A kernel contract was asked for with operands that don't fit.</summary>
public sealed class KernelShapeException(string message) : ArgumentException(message);
