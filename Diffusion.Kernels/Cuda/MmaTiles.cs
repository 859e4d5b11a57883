using ILGPU.Runtime.Cuda;
using static Diffusion.Kernels.Cuda.MmaRegisters;

namespace Diffusion.Kernels.Cuda;

/// <summary>
/// The part of a product that one block of threads makes. Two rows of warps, each with <see cref="WarpRows"/> rows by
/// <see cref="MmaTile.WarpColumns"/> columns of sums.
/// </summary>
internal interface IMmaTile
{
    /// <summary>Rows of A.</summary>
    static abstract int Rows { get; }

    /// <summary>Rows of B, columns of the result.</summary>
    static abstract int Columns { get; }

    /// <summary>Rows of one warp.</summary>
    static abstract int WarpRows { get; }

    /// <summary>Threads of the block.</summary>
    static abstract int Threads { get; }

    /// <summary>
    /// Blocks that must fit a multiprocessor at once, for operands of one part. It bounds the registers of a thread; left to itself, the
    /// assembler aims for more blocks and keeps sums in memory.
    /// </summary>
    static abstract int Blocks { get; }

    /// <summary>Reads the warp's fragments for one multiplication from shared memory.</summary>
    /// <param name="a">The lane's byte in A's slab.</param>
    /// <param name="b">The lane's byte in B's slab.</param>
    static abstract void Load(int a, int b);

    /// <summary>Multiplies all fragments.</summary>
    static abstract void Multiply<TMma>()
        where TMma : struct, IMma;

    /// <summary>Stores the lane's sums as float32 into a tile of <see cref="Columns"/> + <see cref="MmaTile.Padding"/> columns in shared memory.</summary>
    /// <param name="place">The byte of the lane's first sum.</param>
    static abstract void Drain(int place);
}

/// <summary>What all tiles have in common.</summary>
internal static class MmaTile
{
    /// <summary>Bytes of depth in shared memory at a time, for each row: a slab. Two multiplications deep.</summary>
    public const int SlabBytes = 64;

    /// <summary>Bytes that <c>ldmatrix</c> reads of a row and <c>cp.async</c> copies at once.</summary>
    public const int ChunkBytes = 16;

    /// <summary>Slabs in flight: one is multiplied while two arrive.</summary>
    public const int Stages = 3;

    /// <summary>Columns of sums that a warp holds.</summary>
    public const int WarpColumns = 32;

    /// <summary>Columns that nobody uses, so that the rows of drained sums start in different banks.</summary>
    public const int Padding = 8;

    /// <summary>
    /// Where a chunk of a row lies in a slab. Chunks are exchanged within a row, so that the same chunk of 8 consecutive rows lies in
    /// different banks.
    /// </summary>
    /// <param name="row">Row of the slab.</param>
    /// <param name="chunk">0 … 3.</param>
    public static int Place(int row, int chunk) => row * SlabBytes + ((chunk ^ ((row >> 1) & 3)) * ChunkBytes);

    /// <summary>Slabs of so many bytes of depth.</summary>
    public static int Slabs(int depth) => (depth + SlabBytes - 1) / SlabBytes;

    /// <summary>Shared memory that a kernel with this tile asks for; below the 48 KB that need no opt-in.</summary>
    public static int SharedBytes<TTile>()
        where TTile : struct, IMmaTile =>
        Math.Max(Stages * (TTile.Rows + TTile.Columns) * SlabBytes, 64 * (TTile.Columns + Padding) * sizeof(float));
}

/// <summary>128 × 128 by 8 warps: the least traffic for large products.</summary>
internal readonly struct LargeTile : IMmaTile
{
    /// <inheritdoc/>
    public static int Rows => 128;

    /// <inheritdoc/>
    public static int Columns => 128;

    /// <inheritdoc/>
    public static int WarpRows => 64;

    /// <inheritdoc/>
    public static int Threads => 256;

    /// <inheritdoc/>
    public static int Blocks => 2;

    /// <inheritdoc/>
    public static void Load(int a, int b) => CudaAsm.Emit(
            "{ .reg .u32 pa; .reg .u32 pb; add.u32 pa, sb, %0; add.u32 pb, sb, %1; "
            + $"{LoadMatrices} {A0}, [pa+0]; "
            + $"{LoadMatrices} {A1}, [pa+1024]; "
            + $"{LoadMatrices} {A2}, [pa+2048]; "
            + $"{LoadMatrices} {A3}, [pa+3072]; "
            + $"{LoadMatrices} {B01}, [pb]; {LoadMatrices} {B23}, [pb+1024]; }}",
            a,
            b);

    /// <inheritdoc/>
    public static void Multiply<TMma>()
        where TMma : struct, IMma
    {
        TMma.MultiplyUpper();
        TMma.MultiplyLower();
    }

    /// <inheritdoc/>
    public static void Drain(int place) => CudaAsm.Emit(
            "{ .reg .u32 p; add.u32 p, sb, %0; "
            + "st.shared.v2.b32 [p+0], {acc0,acc1}; st.shared.v2.b32 [p+32], {acc4,acc5}; st.shared.v2.b32 [p+64], {acc8,acc9}; st.shared.v2.b32 [p+96], {acc12,acc13}; "
            + "st.shared.v2.b32 [p+4352], {acc2,acc3}; st.shared.v2.b32 [p+4384], {acc6,acc7}; st.shared.v2.b32 [p+4416], {acc10,acc11}; st.shared.v2.b32 [p+4448], {acc14,acc15}; "
            + "st.shared.v2.b32 [p+8704], {acc16,acc17}; st.shared.v2.b32 [p+8736], {acc20,acc21}; st.shared.v2.b32 [p+8768], {acc24,acc25}; st.shared.v2.b32 [p+8800], {acc28,acc29}; "
            + "st.shared.v2.b32 [p+13056], {acc18,acc19}; st.shared.v2.b32 [p+13088], {acc22,acc23}; st.shared.v2.b32 [p+13120], {acc26,acc27}; st.shared.v2.b32 [p+13152], {acc30,acc31}; "
            + "st.shared.v2.b32 [p+17408], {acc32,acc33}; st.shared.v2.b32 [p+17440], {acc36,acc37}; st.shared.v2.b32 [p+17472], {acc40,acc41}; st.shared.v2.b32 [p+17504], {acc44,acc45}; "
            + "st.shared.v2.b32 [p+21760], {acc34,acc35}; st.shared.v2.b32 [p+21792], {acc38,acc39}; st.shared.v2.b32 [p+21824], {acc42,acc43}; st.shared.v2.b32 [p+21856], {acc46,acc47}; "
            + "st.shared.v2.b32 [p+26112], {acc48,acc49}; st.shared.v2.b32 [p+26144], {acc52,acc53}; st.shared.v2.b32 [p+26176], {acc56,acc57}; st.shared.v2.b32 [p+26208], {acc60,acc61}; "
            + "st.shared.v2.b32 [p+30464], {acc50,acc51}; st.shared.v2.b32 [p+30496], {acc54,acc55}; st.shared.v2.b32 [p+30528], {acc58,acc59}; st.shared.v2.b32 [p+30560], {acc62,acc63}; "
            + "}",
            place);
}

/// <summary>64 × 64 by 4 warps, so that small products still occupy many multiprocessors.</summary>
internal readonly struct SmallTile : IMmaTile
{
    /// <inheritdoc/>
    public static int Rows => 64;

    /// <inheritdoc/>
    public static int Columns => 64;

    /// <inheritdoc/>
    public static int WarpRows => 32;

    /// <inheritdoc/>
    public static int Threads => 128;

    /// <inheritdoc/>
    public static int Blocks => 4;

    /// <inheritdoc/>
    public static void Load(int a, int b) => CudaAsm.Emit(
            "{ .reg .u32 pa; .reg .u32 pb; add.u32 pa, sb, %0; add.u32 pb, sb, %1; "
            + $"{LoadMatrices} {A0}, [pa+0]; "
            + $"{LoadMatrices} {A1}, [pa+1024]; "
            + $"{LoadMatrices} {B01}, [pb]; {LoadMatrices} {B23}, [pb+1024]; }}",
            a,
            b);

    /// <inheritdoc/>
    public static void Multiply<TMma>()
        where TMma : struct, IMma
    {
        TMma.MultiplyUpper();
    }

    /// <inheritdoc/>
    public static void Drain(int place) => CudaAsm.Emit(
            "{ .reg .u32 p; add.u32 p, sb, %0; "
            + "st.shared.v2.b32 [p+0], {acc0,acc1}; st.shared.v2.b32 [p+32], {acc4,acc5}; st.shared.v2.b32 [p+64], {acc8,acc9}; st.shared.v2.b32 [p+96], {acc12,acc13}; "
            + "st.shared.v2.b32 [p+2304], {acc2,acc3}; st.shared.v2.b32 [p+2336], {acc6,acc7}; st.shared.v2.b32 [p+2368], {acc10,acc11}; st.shared.v2.b32 [p+2400], {acc14,acc15}; "
            + "st.shared.v2.b32 [p+4608], {acc16,acc17}; st.shared.v2.b32 [p+4640], {acc20,acc21}; st.shared.v2.b32 [p+4672], {acc24,acc25}; st.shared.v2.b32 [p+4704], {acc28,acc29}; "
            + "st.shared.v2.b32 [p+6912], {acc18,acc19}; st.shared.v2.b32 [p+6944], {acc22,acc23}; st.shared.v2.b32 [p+6976], {acc26,acc27}; st.shared.v2.b32 [p+7008], {acc30,acc31}; "
            + "}",
            place);
}
