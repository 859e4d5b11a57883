using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The innermost products: a few rows of A times a panel of B, with the sums in registers. They are leaf methods that take
/// and give pointers only: one call or static read after the loop makes the JIT spill every sum in every round.
/// </summary>
internal static unsafe class MicroKernel
{
    /// <summary>Rows of a packed tile of A.</summary>
    public const int Rows = 6;

    /// <summary>Columns of a packed panel of B.</summary>
    public const int Width = 16;

    /// <summary>The depth of packed operands is padded with zeros to a multiple of this.</summary>
    public const int DepthUnit = 4;

    /// <summary>Depths that a product goes through at a time are multiples of this, but for the last: what the kernels' loops take at once.</summary>
    public const int RoundUnit = 8;

    /// <summary>Whether the x86 kernels are used.</summary>
    public static bool IsFma => Fma.IsSupported && Avx2.IsSupported;

    /// <summary>Whether vectors of 512 bits are used (AVX-512).</summary>
    public static bool IsWide => IsFma && Vector512.IsHardwareAccelerated;

    /// <summary>The depth that packed operands have.</summary>
    public static int PadDepth(int depth) => (depth + DepthUnit - 1) / DepthUnit * DepthUnit;

    /// <summary>The depth of each of some rounds.</summary>
    public static int RoundDepth(int depth, int rounds) => (depth + rounds * RoundUnit - 1) / (rounds * RoundUnit) * RoundUnit;

    /// <summary>C[6·tiles,16] = start + bias + A·B with A packed in tiles [depth][6] and B packed [depth][16].</summary>
    /// <param name="a">First packed tile.</param>
    /// <param name="tileFloats">Floats from tile to tile.</param>
    /// <param name="b">Packed panel.</param>
    /// <param name="depth">Multiple of <see cref="DepthUnit"/>.</param>
    /// <param name="tiles">Number of tiles.</param>
    /// <param name="c">First result.</param>
    /// <param name="stride">Floats between rows of results.</param>
    /// <param name="start">What to add to: C itself, a residual, or null.</param>
    /// <param name="startStride">Floats between its rows.</param>
    /// <param name="bias">16 values to add to each row, or null.</param>
    /// <param name="next">The panel that will be needed next, to be brought nearer; any address will do.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Column(
        float* a, nint tileFloats, float* b, nint depth, nint tiles, float* c, nint stride, float* start, nint startStride, float* bias, float* next)
    {
        if (IsWide)
        {
            MicroKernelWide.Column6x16(a, tileFloats, b, depth, tiles, c, stride, start, startStride, bias, next);
            return;
        }
        if (IsFma)
        {
            MicroKernelFma.Column6x16(a, tileFloats, b, depth, tiles, c, stride, start, startStride, bias, next);
            return;
        }
        for (; tiles > 0; tiles--)
        {
            Tile(a, b, depth, c, stride, start, startStride, bias);
            a += tileFloats;
            c += Rows * stride;
            start = start == null ? null : start + Rows * startStride;
        }
    }

    /// <summary>One tile of <see cref="Column"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Tile(float* a, float* b, nint depth, float* c, nint stride, float* start, nint startStride, float* bias)
    {
        if (IsWide)
            MicroKernelWide.Column6x16(a, 0, b, depth, 1, c, stride, start, startStride, bias, b);
        else if (IsFma)
            MicroKernelFma.Column6x16(a, 0, b, depth, 1, c, stride, start, startStride, bias, b);
        else
            MicroKernelPortable.Packed6x16(a, b, depth, c, stride, start, startStride, bias);
    }

    /// <summary>Whether <see cref="Tile4"/> can be used.</summary>
    public static bool HasTile4 => IsFma;

    /// <summary>The first four rows of <see cref="Tile"/>, in two thirds of its time; writes no others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Tile4(float* a, float* b, nint depth, float* c, nint stride, float* start, nint startStride, float* bias)
    {
        if (IsWide)
            MicroKernelWide.Tile4x16(a, b, depth, c, stride, start, startStride, bias);
        else
            MicroKernelFma.Tile4x16(a, b, depth, c, stride, start, startStride, bias);
    }

    /// <summary>Whether <see cref="Strided4"/> can be used with panels of this width; those of 24 columns have no tile of more rows.</summary>
    public static bool HasStrided4(int columns) => IsWide && columns != 24;

    /// <summary>
    /// C[6,16] = A·B, or += with <paramref name="add"/>, with six rows of A as they lie, <paramref name="lda"/> floats apart; any depth.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Strided(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        if (IsWide)
            MicroKernelWide.Strided6x16(a, lda, b, depth, c, stride, add);
        else if (IsFma)
            MicroKernelFma.Strided6x16(a, lda, b, depth, c, stride, add);
        else
            MicroKernelPortable.Strided(a, lda, b, depth, c, stride, 6, 16, add);
    }

    /// <summary>
    /// C[rows,columns] = A·B, or += with <paramref name="add"/>, with rows of A as they lie and B packed [depth][columns]; any depth. Six rows of 32 columns
    /// with vectors of 512 bits, otherwise four of 24.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StridedWide(int columns, float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        if (columns == 32)
            MicroKernelWide.Strided6x32(a, lda, b, depth, c, stride, add);
        else if (IsFma)
            MicroKernelFma.Strided4x24(a, lda, b, depth, c, stride, add);
        else
            MicroKernelPortable.Strided(a, lda, b, depth, c, stride, 4, 24, add);
    }

    /// <summary>The first four rows of <see cref="Strided"/>, or of <see cref="StridedWide"/> with 32 columns, in two thirds of its time; writes no others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Strided4(int columns, float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        if (columns == 32)
            MicroKernelWide.Strided4x32(a, lda, b, depth, c, stride, add);
        else
            MicroKernelWide.Strided4x16(a, lda, b, depth, c, stride, add);
    }

    /// <summary>
    /// The product of <see cref="StridedWide"/> with B as it lies, <paramref name="ldb"/> floats from row to row; leaves B packed for the tiles after this
    /// one. Needs <see cref="IsFma"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Packing(int columns, float* a, nint lda, float* b, nint ldb, float* packed, nint depth, float* c, nint stride)
    {
        if (columns == 32)
            MicroKernelWide.Packing6x32(a, lda, b, ldb, packed, depth, c, stride);
        else
            MicroKernelFma.Packing4x24(a, lda, b, ldb, packed, depth, c, stride);
    }
}
