namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>In what order things happen that the hardware may do in any order. A right kernel gives the same result in all of them.</summary>
/// <param name="EagerCopies">Asynchronous copies happen when they are started rather than when they are waited for.</param>
/// <param name="Backwards">Warps run from the last to the first.</param>
internal sealed record Ordering(bool EagerCopies, bool Backwards)
{
    /// <summary>Late copies show reads that come too early; eager ones show memory that is overwritten too early.</summary>
    public static IEnumerable<Ordering> All => from eager in new[] { false, true } from backwards in new[] { false, true } select new Ordering(eager, backwards);
}

/// <summary>Threads that share memory.</summary>
internal sealed class Block
{
    private readonly Warp[] warps;

    /// <summary>A block about to start. Shared memory is full of ones: not-a-number in every type.</summary>
    public Block(PtxKernel kernel, int index, int gridSize, int threads, int dynamicSharedBytes, GlobalMemory global, byte[] parameters, Ordering ordering)
    {
        (Index, GridSize, Threads, DynamicSharedBytes, EagerCopies) = (index, gridSize, threads, dynamicSharedBytes, ordering.EagerCopies);
        var shared = new byte[kernel.StaticSharedBytes + dynamicSharedBytes];
        Array.Fill(shared, (byte)0xFF);
        Shared = new Memory("shared memory", 0, shared);
        Parameters = new Memory("parameters", 0, parameters);
        Global = global;
        warps = [.. Enumerable.Range(0, (threads + Warp.Lanes - 1) / Warp.Lanes)
            .Select(w => new Warp(kernel, this, w * Warp.Lanes, Math.Min(threads - w * Warp.Lanes, Warp.Lanes)))];
        if (ordering.Backwards)
            Array.Reverse(warps);
    }

    /// <summary>%ctaid.x.</summary>
    public int Index { get; }

    /// <summary>%nctaid.x.</summary>
    public int GridSize { get; }

    /// <summary>%ntid.x.</summary>
    public int Threads { get; }

    /// <summary>%dynamic_smem_size.</summary>
    public int DynamicSharedBytes { get; }

    /// <summary>See <see cref="Ordering"/>.</summary>
    public bool EagerCopies { get; }

    /// <summary>Shared memory.</summary>
    public Memory Shared { get; }

    /// <summary>Kernel parameters.</summary>
    public Memory Parameters { get; }

    /// <summary>Device memory.</summary>
    public GlobalMemory Global { get; }

    /// <summary>Runs all threads to their end.</summary>
    public void Run()
    {
        while (true)
        {
            foreach (var warp in warps)
                warp.Run();
            if (warps.All(w => w.Alive == 0))
                return;
            // As on the hardware, threads that have returned don't count at a barrier.
            if (warps.FirstOrDefault(w => w.Alive != 0 && !w.AtBarrier) is not null)
                throw new PtxException("A barrier is waited for by some threads only.");
            foreach (var warp in warps)
                warp.Release();
        }
    }
}
