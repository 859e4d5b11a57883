namespace Diffusion.Kernels.Reference;

/// <summary>A launch's operands as views, and the epilogue on their last one.</summary>
internal readonly ref struct ReferenceArguments
{
    private readonly Epilogue epilogue;
    private readonly ReadOnlySpan<Layout> layouts;
    private readonly ReadOnlySpan<BufferSlice> operands;
    private readonly ReadOnlySpan<double> scalars;

    public ReferenceArguments(Epilogue epilogue, ReadOnlySpan<Layout> layouts, in KernelArguments arguments)
    {
        this.epilogue = epilogue;
        this.layouts = layouts;
        operands = arguments.Operands;
        scalars = arguments.Scalars;
    }

    /// <summary>The host scalars.</summary>
    public ReadOnlySpan<double> Scalars => scalars;

    /// <summary>Operand number <paramref name="index"/>.</summary>
    public ReferenceView this[int index] => new(operands[index], layouts[index]);

    /// <summary>The last operand.</summary>
    public ReferenceView Output => this[operands.Length - 1];

    /// <summary>Runs the epilogue on a result and stores it at the output's logical index.</summary>
    public void Store(long index, double result, double second = 0)
    {
        if (epilogue.IsNone)
        {
            Output.Write(Output.Offset(index), result);
            return;
        }
        Span<double> registers = epilogue.Program.RegisterCount <= 64 ? stackalloc double[64] : new double[epilogue.Program.RegisterCount];
        int results = epilogue.Program.InputCount - epilogue.Inputs.Length;
        registers[0] = result;
        if (results > 1)
            registers[1] = second;
        for (int i = 0; i < epilogue.Inputs.Length; i++)
        {
            var input = this[operands.Length - 1 - epilogue.Inputs.Length + i];
            registers[results + i] = input.Read(input.Offset(index));
        }
        Output.Write(Output.Offset(index), ReferenceProgram.Evaluate(epilogue.Program, registers, scalars));
    }
}
