namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The epilogues that a micro-kernel does by itself: sums of the result with at most one bias (a value a column) and at most one
/// residual (a value an element), stored into float32 rows that lie evenly.
/// </summary>
/// <param name="Possible">Whether that is so.</param>
/// <param name="RowStride">Elements between rows of the output.</param>
/// <param name="Bias">Which of the epilogue's inputs is the bias; −1 for none.</param>
/// <param name="Residual">Which of the epilogue's inputs is the residual; −1 for none.</param>
/// <param name="ResidualStride">Elements between rows of the residual.</param>
internal readonly record struct DirectStore(bool Possible, long RowStride, int Bias, int Residual, long ResidualStride)
{
    /// <summary>Which of the inputs is a bias of its own for each sample; −1 for none.</summary>
    public int Sample { get; private init; } = -1;

    /// <summary>Elements between the samples' biases.</summary>
    public long SampleStride { get; private init; }

    /// <summary>Looks at an epilogue.</summary>
    /// <param name="epilogue">The epilogue.</param>
    /// <param name="output">The output.</param>
    /// <param name="bySample">Whether a bias for each sample (index of the first axis) is possible too.</param>
    public static DirectStore Create(Epilogue epilogue, Layout output, bool bySample = false)
    {
        var store = new DirectStore(true, 0, -1, -1, 0);
        if (!IsDense(output, out long rowStride) || !IsSum(epilogue.Program))
            return default;
        store = store with { RowStride = rowStride };
        for (int i = 0; i < epilogue.Inputs.Length; i++)
        {
            var input = epilogue.Inputs[i];
            if (bySample && store.Sample < 0 && IsBySample(input))
                store = store with { Sample = i, SampleStride = input.Strides[0] };
            else if (!IsDense(input, out long stride))
                return default;
            else if (stride == 0 && store.Bias < 0)
                store = store with { Bias = i };
            else if (store.Residual < 0)
                store = store with { Residual = i, ResidualStride = stride };
            else
                return default;
        }
        return store;
    }

    /// <summary>Whether the program adds up all its inputs, each once.</summary>
    private static bool IsSum(ElementwiseProgram program)
    {
        var code = program.Code;
        if (code.Length != program.InputCount - 1)
            return false;
        var used = new bool[program.RegisterCount];
        foreach (var (op, a, b, _, _) in code)
        {
            if (op != ElementwiseOp.Add || a == b || used[a] || used[b])
                return false;
            used[a] = used[b] = true;
        }
        return true;
    }

    private static bool IsBySample(Layout layout)
    {
        if (layout.Shape[0] == 1 || layout.Strides[0] == 0)
            return false;
        var one = layout with { Shape = layout.Shape.SetItem(0, 1) };
        return IsDense(one, out long stride) && stride == 0;
    }

    /// <summary>Float32 with dense columns and rows that lie evenly.</summary>
    public static bool IsDense(Layout layout, out long stride)
    {
        stride = 0;
        if (layout.Type != ElementType.Float32 || (layout.Shape[^1] != 1 && layout.Strides[^1] != 1))
            return false;
        long expected = -1;
        for (int i = layout.Rank - 2; i >= 0; i--)
        {
            if (layout.Shape[i] == 1)
                continue;
            if (expected < 0)
                stride = layout.Strides[i];
            else if (layout.Strides[i] != expected)
                return false;
            expected = layout.Strides[i] * layout.Shape[i];
        }
        return true;
    }
}
