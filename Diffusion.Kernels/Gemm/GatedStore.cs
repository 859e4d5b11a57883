namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The epilogues of paired products that need one pass over results in the first-level cache: (a + bias)·f(b + bias) with any unary f, like
/// GEGLU, stored into float32 rows that lie evenly. The biases, which may be missing, begin the micro-kernel's sums.
/// </summary>
/// <param name="Possible">Whether an epilogue is one of them.</param>
/// <param name="RowStride">Elements between rows of the output.</param>
/// <param name="Values">Which of the two results is multiplied with the gates, and which of the epilogue's inputs is its bias; −1 for none.</param>
/// <param name="Gates">The same of the gates.</param>
/// <param name="Activation">f.</param>
internal readonly record struct GatedStore(bool Possible, long RowStride, (int Result, int Bias) Values, (int Result, int Bias) Gates, ElementwiseOp Activation)
{
    private const int Results = 2;

    /// <summary>Looks at an epilogue of two results.</summary>
    public static GatedStore Create(Epilogue epilogue, Layout output)
    {
        var program = epilogue.Program;
        if (program.Code is not [.., { Op: ElementwiseOp.Multiply } product] || !DirectStore.IsDense(output, out long rowStride))
            return default;
        foreach (var (value, gate) in new[] { (product.A, product.B), (product.B, product.A) })
        {
            if (At(program, gate) is { } activation && activation.Op.Arity() == 1 && Sum(epilogue, value) is { } values && Sum(epilogue, activation.A) is { } gates
                && values.Result != gates.Result)
            {
                // What has been looked at must be all there is.
                int biases = (values.Bias < 0 ? 0 : 1) + (gates.Bias < 0 ? 0 : 1);
                return biases == epilogue.Inputs.Length && biases + 2 == program.Code.Length
                    ? new GatedStore(true, rowStride, values, gates, activation.Op)
                    : default;
            }
        }
        return default;
    }

    /// <summary>The result, perhaps with a bias, that a register holds.</summary>
    private static (int Result, int Bias)? Sum(Epilogue epilogue, int register)
    {
        if (register < Results)
            return (register, -1);
        if (At(epilogue.Program, register) is not { Op: ElementwiseOp.Add } sum)
            return null;
        var (result, bias) = sum.A < Results ? (sum.A, sum.B - Results) : (sum.B, sum.A - Results);
        bool isBias = result < Results && (uint)bias < (uint)epilogue.Inputs.Length && DirectStore.IsDense(epilogue.Inputs[bias], out long stride) && stride == 0;
        return isBias ? (result, bias) : null;
    }

    private static Instruction? At(ElementwiseProgram program, int register) =>
        register < program.InputCount ? null : program.Code[register - program.InputCount];
}
