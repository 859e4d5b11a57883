using ILGPU.Runtime.Cuda;
using static Diffusion.Kernels.Cuda.MmaRegisters;

namespace Diffusion.Kernels.Cuda;

/// <summary>
/// How a tensor core reads its operands. All four types move the same bytes (<see cref="MmaRegisters"/> explains the layout); only
/// the instruction differs, and what must happen to a fragment before and to the sums after.
/// </summary>
internal interface IMma
{
    /// <summary>Multiplies the fragments of two row blocks (16 rows each) with those of four column blocks (8 columns each).</summary>
    static abstract void MultiplyUpper();

    /// <summary>The same for row blocks 2 and 3.</summary>
    static abstract void MultiplyLower();

    /// <summary>How many numbers an operand is split into: with two, a thread needs half as many registers again.</summary>
    static abstract int Parts { get; }

    /// <summary>Makes the loaded fragments what the instruction expects.</summary>
    static abstract void Convert();

    /// <summary>Makes the sums float32.</summary>
    static abstract void Finish();
}

/// <summary>Half-precision operands, k16, float32 sums.</summary>
internal readonly struct Float16Mma : IMma
{
    private const string Op = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32";

    /// <inheritdoc/>
    public static int Parts => 1;

    /// <inheritdoc/>
    public static void MultiplyUpper() => CudaAsm.Emit(
        $"{Op} {D00}, {A0}, {B0}, {D00}; {Op} {D01}, {A0}, {B1}, {D01}; "
        + $"{Op} {D02}, {A0}, {B2}, {D02}; {Op} {D03}, {A0}, {B3}, {D03}; "
        + $"{Op} {D10}, {A1}, {B0}, {D10}; {Op} {D11}, {A1}, {B1}, {D11}; "
        + $"{Op} {D12}, {A1}, {B2}, {D12}; {Op} {D13}, {A1}, {B3}, {D13}; ");

    /// <inheritdoc/>
    public static void MultiplyLower() => CudaAsm.Emit(
        $"{Op} {D20}, {A2}, {B0}, {D20}; {Op} {D21}, {A2}, {B1}, {D21}; "
        + $"{Op} {D22}, {A2}, {B2}, {D22}; {Op} {D23}, {A2}, {B3}, {D23}; "
        + $"{Op} {D30}, {A3}, {B0}, {D30}; {Op} {D31}, {A3}, {B1}, {D31}; "
        + $"{Op} {D32}, {A3}, {B2}, {D32}; {Op} {D33}, {A3}, {B3}, {D33}; ");

    /// <inheritdoc/>
    public static void Convert()
    {
    }

    /// <inheritdoc/>
    public static void Finish()
    {
    }
}

/// <summary>Brain-float operands, k16, float32 sums.</summary>
internal readonly struct BFloat16Mma : IMma
{
    private const string Op = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";

    /// <inheritdoc/>
    public static int Parts => 1;

    /// <inheritdoc/>
    public static void MultiplyUpper() => CudaAsm.Emit(
        $"{Op} {D00}, {A0}, {B0}, {D00}; {Op} {D01}, {A0}, {B1}, {D01}; "
        + $"{Op} {D02}, {A0}, {B2}, {D02}; {Op} {D03}, {A0}, {B3}, {D03}; "
        + $"{Op} {D10}, {A1}, {B0}, {D10}; {Op} {D11}, {A1}, {B1}, {D11}; "
        + $"{Op} {D12}, {A1}, {B2}, {D12}; {Op} {D13}, {A1}, {B3}, {D13}; ");

    /// <inheritdoc/>
    public static void MultiplyLower() => CudaAsm.Emit(
        $"{Op} {D20}, {A2}, {B0}, {D20}; {Op} {D21}, {A2}, {B1}, {D21}; "
        + $"{Op} {D22}, {A2}, {B2}, {D22}; {Op} {D23}, {A2}, {B3}, {D23}; "
        + $"{Op} {D30}, {A3}, {B0}, {D30}; {Op} {D31}, {A3}, {B1}, {D31}; "
        + $"{Op} {D32}, {A3}, {B2}, {D32}; {Op} {D33}, {A3}, {B3}, {D33}; ");

    /// <inheritdoc/>
    public static void Convert()
    {
    }

    /// <inheritdoc/>
    public static void Finish()
    {
    }
}

/// <summary>Float32 operands rounded to 10 bits of fraction, k8, float32 sums.</summary>
internal readonly struct TensorFloat32Mma : IMma
{
    private const string Op = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32";
    private const string Round = "cvt.rna.tf32.f32";

    /// <inheritdoc/>
    public static int Parts => 1;

    /// <inheritdoc/>
    public static void MultiplyUpper() => CudaAsm.Emit(
        $"{Op} {D00}, {A0}, {B0}, {D00}; {Op} {D01}, {A0}, {B1}, {D01}; "
        + $"{Op} {D02}, {A0}, {B2}, {D02}; {Op} {D03}, {A0}, {B3}, {D03}; "
        + $"{Op} {D10}, {A1}, {B0}, {D10}; {Op} {D11}, {A1}, {B1}, {D11}; "
        + $"{Op} {D12}, {A1}, {B2}, {D12}; {Op} {D13}, {A1}, {B3}, {D13}; ");

    /// <inheritdoc/>
    public static void MultiplyLower() => CudaAsm.Emit(
        $"{Op} {D20}, {A2}, {B0}, {D20}; {Op} {D21}, {A2}, {B1}, {D21}; "
        + $"{Op} {D22}, {A2}, {B2}, {D22}; {Op} {D23}, {A2}, {B3}, {D23}; "
        + $"{Op} {D30}, {A3}, {B0}, {D30}; {Op} {D31}, {A3}, {B1}, {D31}; "
        + $"{Op} {D32}, {A3}, {B2}, {D32}; {Op} {D33}, {A3}, {B3}, {D33}; ");

    /// <inheritdoc/>
    public static void Convert()
    {
        CudaAsm.Emit(
            $"{Round} fa0, fa0; {Round} fa1, fa1; {Round} fa2, fa2; {Round} fa3, fa3; "
            + $"{Round} fa4, fa4; {Round} fa5, fa5; {Round} fa6, fa6; {Round} fa7, fa7; "
            + $"{Round} fa8, fa8; {Round} fa9, fa9; {Round} fa10, fa10; {Round} fa11, fa11; "
            + $"{Round} fa12, fa12; {Round} fa13, fa13; {Round} fa14, fa14; {Round} fa15, fa15; ");
        CudaAsm.Emit(
            $"{Round} fb0, fb0; {Round} fb1, fb1; {Round} fb2, fb2; {Round} fb3, fb3; "
            + $"{Round} fb4, fb4; {Round} fb5, fb5; {Round} fb6, fb6; {Round} fb7, fb7; ");
    }

    /// <inheritdoc/>
    public static void Finish()
    {
    }
}

/// <summary>Signed bytes, k32, int32 sums, which become float32 when they are drained.</summary>
internal readonly struct Int8Mma : IMma
{
    private const string Op = "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32";
    private const string ToFloat = "cvt.rn.f32.s32";

    /// <inheritdoc/>
    public static int Parts => 1;

    /// <inheritdoc/>
    public static void MultiplyUpper() => CudaAsm.Emit(
        $"{Op} {D00}, {A0}, {B0}, {D00}; {Op} {D01}, {A0}, {B1}, {D01}; "
        + $"{Op} {D02}, {A0}, {B2}, {D02}; {Op} {D03}, {A0}, {B3}, {D03}; "
        + $"{Op} {D10}, {A1}, {B0}, {D10}; {Op} {D11}, {A1}, {B1}, {D11}; "
        + $"{Op} {D12}, {A1}, {B2}, {D12}; {Op} {D13}, {A1}, {B3}, {D13}; ");

    /// <inheritdoc/>
    public static void MultiplyLower() => CudaAsm.Emit(
        $"{Op} {D20}, {A2}, {B0}, {D20}; {Op} {D21}, {A2}, {B1}, {D21}; "
        + $"{Op} {D22}, {A2}, {B2}, {D22}; {Op} {D23}, {A2}, {B3}, {D23}; "
        + $"{Op} {D30}, {A3}, {B0}, {D30}; {Op} {D31}, {A3}, {B1}, {D31}; "
        + $"{Op} {D32}, {A3}, {B2}, {D32}; {Op} {D33}, {A3}, {B3}, {D33}; ");

    /// <inheritdoc/>
    public static void Convert()
    {
    }

    /// <inheritdoc/>
    public static void Finish()
    {
        CudaAsm.Emit(
            $"{ToFloat} acc0, acc0; {ToFloat} acc1, acc1; {ToFloat} acc2, acc2; {ToFloat} acc3, acc3; "
            + $"{ToFloat} acc4, acc4; {ToFloat} acc5, acc5; {ToFloat} acc6, acc6; {ToFloat} acc7, acc7; "
            + $"{ToFloat} acc8, acc8; {ToFloat} acc9, acc9; {ToFloat} acc10, acc10; {ToFloat} acc11, acc11; "
            + $"{ToFloat} acc12, acc12; {ToFloat} acc13, acc13; {ToFloat} acc14, acc14; {ToFloat} acc15, acc15; "
            + $"{ToFloat} acc16, acc16; {ToFloat} acc17, acc17; {ToFloat} acc18, acc18; {ToFloat} acc19, acc19; "
            + $"{ToFloat} acc20, acc20; {ToFloat} acc21, acc21; {ToFloat} acc22, acc22; {ToFloat} acc23, acc23; "
            + $"{ToFloat} acc24, acc24; {ToFloat} acc25, acc25; {ToFloat} acc26, acc26; {ToFloat} acc27, acc27; "
            + $"{ToFloat} acc28, acc28; {ToFloat} acc29, acc29; {ToFloat} acc30, acc30; {ToFloat} acc31, acc31; "
            + $"{ToFloat} acc32, acc32; {ToFloat} acc33, acc33; {ToFloat} acc34, acc34; {ToFloat} acc35, acc35; "
            + $"{ToFloat} acc36, acc36; {ToFloat} acc37, acc37; {ToFloat} acc38, acc38; {ToFloat} acc39, acc39; "
            + $"{ToFloat} acc40, acc40; {ToFloat} acc41, acc41; {ToFloat} acc42, acc42; {ToFloat} acc43, acc43; "
            + $"{ToFloat} acc44, acc44; {ToFloat} acc45, acc45; {ToFloat} acc46, acc46; {ToFloat} acc47, acc47; "
            + $"{ToFloat} acc48, acc48; {ToFloat} acc49, acc49; {ToFloat} acc50, acc50; {ToFloat} acc51, acc51; "
            + $"{ToFloat} acc52, acc52; {ToFloat} acc53, acc53; {ToFloat} acc54, acc54; {ToFloat} acc55, acc55; "
            + $"{ToFloat} acc56, acc56; {ToFloat} acc57, acc57; {ToFloat} acc58, acc58; {ToFloat} acc59, acc59; "
            + $"{ToFloat} acc60, acc60; {ToFloat} acc61, acc61; {ToFloat} acc62, acc62; {ToFloat} acc63, acc63; ");
    }
}
