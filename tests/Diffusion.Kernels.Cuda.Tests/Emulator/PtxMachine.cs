namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// Runs the PTX text of a kernel on plain memory: blocks one after the other, warps in lock step. It knows the instructions that this
/// library's kernels use, as the PTX ISA describes them, and refuses all others by name.
/// </summary>
internal sealed class PtxMachine
{
    private readonly PtxKernel kernel;

    /// <summary>Prepares a kernel.</summary>
    public PtxMachine(string text, GlobalMemory? global = null)
    {
        Global = global ?? new GlobalMemory();
        kernel = PtxParser.Parse(text);
        foreach (var instruction in kernel.Code)
            instruction.Action = instruction.IsBranch ? null : WarpInstructions.Find(instruction) ?? ScalarInstructions.Find(instruction);
    }

    /// <summary>Device memory.</summary>
    public GlobalMemory Global { get; }

    /// <summary>Bytes of all parameters.</summary>
    public int ParameterBytes => kernel.Parameters[^1].Offset + kernel.Parameters[^1].Size;

    /// <summary>Launches the kernel.</summary>
    /// <param name="blocks">Blocks of the grid.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Shared memory given at launch.</param>
    /// <param name="ordering">The order of what may happen in any order.</param>
    /// <param name="parameters">The kernel's one parameter: a struct, or its bytes.</param>
    public void Launch(int blocks, int threads, int dynamicSharedBytes, Ordering ordering, ValueType parameters) =>
        Launch(blocks, threads, dynamicSharedBytes, ordering, ParameterLayout.Bytes(parameters));

    /// <inheritdoc cref="Launch(int, int, int, Ordering, ValueType)"/>
    public void Launch(int blocks, int threads, int dynamicSharedBytes, Ordering ordering, byte[] parameters)
    {
        if (parameters.Length != ParameterBytes)
            throw new PtxException($"{kernel.Name} takes {ParameterBytes} bytes of parameters, {parameters.Length} were given.");
        for (int i = 0; i < blocks; i++)
            new Block(kernel, i, blocks, threads, dynamicSharedBytes, Global, parameters, ordering).Run();
    }
}
