using System.Runtime.InteropServices;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// Runs the PTX text of a kernel on plain memory: blocks one after the other, warps in lock step. It knows the instructions that this
/// library's kernels use, as the PTX ISA describes them, and refuses all others by name.
/// </summary>
internal sealed class PtxMachine
{
    private readonly PtxKernel kernel;

    /// <summary>Prepares a kernel.</summary>
    public PtxMachine(string text)
    {
        kernel = PtxParser.Parse(text);
        foreach (var instruction in kernel.Code)
            instruction.Action = instruction.Target >= 0 ? null : WarpInstructions.Find(instruction) ?? ScalarInstructions.Find(instruction);
    }

    /// <summary>Device memory.</summary>
    public GlobalMemory Global { get; } = new();

    /// <summary>Launches the kernel.</summary>
    /// <param name="blocks">Blocks of the grid.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Shared memory given at launch.</param>
    /// <param name="ordering">The order of what may happen in any order.</param>
    /// <param name="arguments">Values and structs, one a parameter.</param>
    public void Launch(int blocks, int threads, int dynamicSharedBytes, Ordering ordering, params ValueType[] arguments)
    {
        var last = kernel.Parameters[^1];
        var parameters = new byte[last.Offset + last.Size];
        if (arguments.Length != kernel.Parameters.Count)
            throw new PtxException($"{kernel.Name} has {kernel.Parameters.Count} parameters, {arguments.Length} arguments were given.");
        for (int i = 0; i < arguments.Length; i++)
        {
            int size = Marshal.SizeOf(arguments[i]);
            if (size != kernel.Parameters[i].Size)
                throw new PtxException($"Parameter {i} has {kernel.Parameters[i].Size} bytes, {arguments[i].GetType().Name} has {size}.");
            var handle = GCHandle.Alloc(arguments[i], GCHandleType.Pinned);
            Marshal.Copy(handle.AddrOfPinnedObject(), parameters, kernel.Parameters[i].Offset, size);
            handle.Free();
        }
        for (int i = 0; i < blocks; i++)
            new Block(kernel, i, blocks, threads, dynamicSharedBytes, Global, parameters, ordering).Run();
    }
}
