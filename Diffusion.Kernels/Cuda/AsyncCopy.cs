using ILGPU.Runtime.Cuda;

namespace Diffusion.Kernels.Cuda;

/// <summary>
/// Copies from global to shared memory that a kernel does not wait for. Bytes past <c>valid</c> become zero, and nothing is read there: so
/// edges of a matrix and places outside a picture cost nothing but the zeros.
/// </summary>
internal static class AsyncCopy
{
    /// <summary>Copies two chunks.</summary>
    /// <param name="shared">Target of the first, in bytes from the start of the block's shared memory.</param>
    /// <param name="step">Bytes to the second's target.</param>
    /// <param name="first">The first.</param>
    /// <param name="second">The second.</param>
    /// <param name="alignment">What their addresses are a multiple of, the same for the whole launch.</param>
    public static void Pair(int shared, int step, Chunk first, Chunk second, int alignment)
    {
        One(shared, first, alignment);
        One(shared + step, second, alignment);
    }

    /// <summary>Copies one chunk.</summary>
    public static void One(int shared, Chunk chunk, int alignment)
    {
        if (alignment >= MmaTile.ChunkBytes)
            Aligned(shared, chunk.Address, chunk.Valid);
        else
            Loose(shared, chunk.Address, chunk.Valid, alignment);
    }

    /// <summary>Copies one chunk from a place that is a multiple of 16 bytes.</summary>
    private static void Aligned(int shared, long global, int valid) => CudaAsm.Emit(
        "{ .reg .u32 s; add.u32 s, sb, %0; cp.async.cg.shared.global [s], [%1], 16, %2; }", shared, global, valid);

    /// <summary>The same from any address: by words where it is a multiple of 4 bytes, else byte by byte (and at once).</summary>
    private static void Loose(int shared, long global, int valid, int alignment)
    {
        if (alignment >= 4)
        {
            for (int i = 0; i < MmaTile.ChunkBytes; i += 4)
            {
                CudaAsm.Emit(
                    "{ .reg .u32 s; add.u32 s, sb, %0; cp.async.ca.shared.global [s], [%1], 4, %2; }",
                    shared + i, global + i, Math.Min(Math.Max(valid - i, 0), 4));
            }
        }
        else
        {
            for (int i = 0; i < MmaTile.ChunkBytes; i++)
            {
                CudaAsm.Emit(
                    "{ .reg .u32 s; .reg .b16 v; .reg .pred here; add.u32 s, sb, %0; mov.b16 v, 0; setp.lt.s32 here, %2, %3; "
                    + "@here ld.global.u8 v, [%1]; st.shared.u8 [s], v; }",
                    shared + i, global + i, i, valid);
            }
        }
    }

    /// <summary>Ends a group of copies; may be empty.</summary>
    public static void Commit() => CudaAsm.Emit("cp.async.commit_group;");

    /// <summary>Waits until at most one group is under way.</summary>
    public static void WaitForAllButOne() => CudaAsm.Emit("cp.async.wait_group 1;");

    /// <summary>Waits for everything.</summary>
    public static void WaitForAll() => CudaAsm.Emit("cp.async.wait_group 0;");
}
