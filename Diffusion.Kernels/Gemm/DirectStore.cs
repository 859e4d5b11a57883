namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The epilogues that a micro-kernel stores by itself: none, or a bias for each column, into float32 rows that lie evenly.
/// </summary>
/// <param name="Possible">Whether that is so.</param>
/// <param name="RowStride">Elements between rows of the output.</param>
/// <param name="Bias">Which of the epilogue's inputs is the bias; −1 for none.</param>
internal readonly record struct DirectStore(bool Possible, long RowStride, int Bias)
{
    /// <summary>Looks at an epilogue.</summary>
    public static DirectStore Create(Epilogue epilogue, Layout output)
    {
        bool even = TryRowStride(output, out long stride);
        if (!even || output.Type != ElementType.Float32 || (output.Shape[^1] != 1 && output.Strides[^1] != 1))
            return default;
        if (epilogue.IsNone)
            return new DirectStore(true, stride, -1);
        return IsBias(epilogue) ? new DirectStore(true, stride, 0) : default;
    }

    private static bool IsBias(Epilogue epilogue)
    {
        var program = epilogue.Program;
        if (program.InputCount != 2 || epilogue.Inputs.Length != 1 || program.Code.Length != 1)
            return false;
        var (op, a, b, _, _) = program.Code[0];
        var input = epilogue.Inputs[0];
        if (op != ElementwiseOp.Add || a + b != 1 || a * b != 0 || input.Type != ElementType.Float32)
            return false;
        for (int i = 0; i < input.Rank; i++)
        {
            if (input.Shape[i] != 1 && input.Strides[i] != (i == input.Rank - 1 ? 1 : 0))
                return false;
        }
        return true;
    }

    private static bool TryRowStride(Layout layout, out long stride)
    {
        stride = 0;
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
