namespace Diffusion.Kernels.Cpu;

/// <summary>What one launch gives a <see cref="CpuEpilogue"/>: addresses and scalars, in unmanaged memory so that threads can share it.</summary>
internal unsafe struct EpilogueLaunch
{
    /// <summary>The most inputs (kernel results included); programs with more run in the reference.</summary>
    public const int MaxInputs = 32;

    /// <summary>The most host scalars; programs with more run in the reference.</summary>
    public const int MaxScalars = 64;

#pragma warning disable IDE0044 // a fixed buffer can't be readonly
    private fixed long inputs[MaxInputs];
    private fixed float scalars[MaxScalars];
#pragma warning restore IDE0044
    private readonly nint output;
    private readonly int scalarCount;

    /// <summary>Reads a launch's arguments.</summary>
    /// <param name="arguments">The launch.</param>
    /// <param name="firstInput">Which operand is the epilogue's first input; the others follow, the output is the last operand.</param>
    public EpilogueLaunch(in KernelArguments arguments, int firstInput)
    {
        var operands = arguments.Operands;
        for (int i = firstInput; i < operands.Length - 1; i++)
            inputs[i - firstInput] = operands[i].Address;
        output = operands[^1].Address;
        scalarCount = arguments.Scalars.Length;
        for (int i = 0; i < scalarCount; i++)
            scalars[i] = (float)arguments.Scalars[i];
    }

    /// <summary>First element of the output.</summary>
    public readonly byte* Output => (byte*)output;

    /// <summary>Number of scalars.</summary>
    public readonly int ScalarCount => scalarCount;

    /// <summary>First element of an epilogue input.</summary>
    public readonly byte* Input(int index) => (byte*)inputs[index];

    /// <summary>One host scalar.</summary>
    public readonly float Scalar(int index) => scalars[index];
}
