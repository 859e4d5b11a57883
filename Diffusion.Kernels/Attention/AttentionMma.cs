using ILGPU.Runtime.Cuda;
using static Diffusion.Kernels.Attention.AttentionRegisters;

namespace Diffusion.Kernels.Attention;

/// <summary>The two products of attention in one element type.</summary>
internal interface IAttentionMma
{
    /// <summary>Scores of key blocks 0 … 3 (8 keys each): adds queries times keys over 16 columns.</summary>
    static abstract void Scores0123();

    /// <summary>Scores of key blocks 4 … 7.</summary>
    static abstract void Scores4567();

    /// <summary>Makes the A fragment of keys 0 … 15 from their weights.</summary>
    static abstract void Pack0();

    /// <summary>Makes the A fragment of keys 16 … 31 from their weights.</summary>
    static abstract void Pack1();

    /// <summary>Makes the A fragment of keys 32 … 47 from their weights.</summary>
    static abstract void Pack2();

    /// <summary>Makes the A fragment of keys 48 … 63 from their weights.</summary>
    static abstract void Pack3();

    /// <summary>Adds weights times values for columns 0 … 15, whose fragments are 0 and 1.</summary>
    static abstract void Values0();

    /// <summary>Adds weights times values for columns 16 … 31, whose fragments are 2 and 3.</summary>
    static abstract void Values1();

    /// <summary>Adds weights times values for columns 32 … 47, whose fragments are 4 and 5.</summary>
    static abstract void Values2();

    /// <summary>Adds weights times values for columns 48 … 63, whose fragments are 6 and 7.</summary>
    static abstract void Values3();

    /// <summary>Adds weights times values for columns 64 … 79, whose fragments are 0 and 1.</summary>
    static abstract void Values4();

    /// <summary>Adds weights times values for columns 80 … 95, whose fragments are 2 and 3.</summary>
    static abstract void Values5();

    /// <summary>Adds weights times values for columns 96 … 111, whose fragments are 4 and 5.</summary>
    static abstract void Values6();

    /// <summary>Adds weights times values for columns 112 … 127, whose fragments are 6 and 7.</summary>
    static abstract void Values7();
}

/// <summary>Half precision.</summary>
internal readonly struct Float16Attention : IAttentionMma
{
    private const string Op = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", Pair = "cvt.rn.f16x2.f32";

    /// <inheritdoc/>
    public static void Scores0123() => CudaAsm.Emit(
        $"{Op} {S0}, {A}, {B0}, {S0}; "
        + $"{Op} {S1}, {A}, {B1}, {S1}; "
        + $"{Op} {S2}, {A}, {B2}, {S2}; "
        + $"{Op} {S3}, {A}, {B3}, {S3}; ");

    /// <inheritdoc/>
    public static void Scores4567() => CudaAsm.Emit(
        $"{Op} {S4}, {A}, {B4}, {S4}; "
        + $"{Op} {S5}, {A}, {B5}, {S5}; "
        + $"{Op} {S6}, {A}, {B6}, {S6}; "
        + $"{Op} {S7}, {A}, {B7}, {S7}; ");

    /// <inheritdoc/>
    public static void Pack0() => CudaAsm.Emit(
        $"{Pair} fa0, s1, s0; {Pair} fa1, s3, s2; {Pair} fa2, s5, s4; {Pair} fa3, s7, s6; ");

    /// <inheritdoc/>
    public static void Pack1() => CudaAsm.Emit(
        $"{Pair} fa0, s9, s8; {Pair} fa1, s11, s10; {Pair} fa2, s13, s12; {Pair} fa3, s15, s14; ");

    /// <inheritdoc/>
    public static void Pack2() => CudaAsm.Emit(
        $"{Pair} fa0, s17, s16; {Pair} fa1, s19, s18; {Pair} fa2, s21, s20; {Pair} fa3, s23, s22; ");

    /// <inheritdoc/>
    public static void Pack3() => CudaAsm.Emit(
        $"{Pair} fa0, s25, s24; {Pair} fa1, s27, s26; {Pair} fa2, s29, s28; {Pair} fa3, s31, s30; ");

    /// <inheritdoc/>
    public static void Values0() => CudaAsm.Emit(
        $"{Op} {O0}, {A}, {B0}, {O0}; "
        + $"{Op} {O1}, {A}, {B1}, {O1}; ");

    /// <inheritdoc/>
    public static void Values1() => CudaAsm.Emit(
        $"{Op} {O2}, {A}, {B2}, {O2}; "
        + $"{Op} {O3}, {A}, {B3}, {O3}; ");

    /// <inheritdoc/>
    public static void Values2() => CudaAsm.Emit(
        $"{Op} {O4}, {A}, {B4}, {O4}; "
        + $"{Op} {O5}, {A}, {B5}, {O5}; ");

    /// <inheritdoc/>
    public static void Values3() => CudaAsm.Emit(
        $"{Op} {O6}, {A}, {B6}, {O6}; "
        + $"{Op} {O7}, {A}, {B7}, {O7}; ");

    /// <inheritdoc/>
    public static void Values4() => CudaAsm.Emit(
        $"{Op} {O8}, {A}, {B0}, {O8}; "
        + $"{Op} {O9}, {A}, {B1}, {O9}; ");

    /// <inheritdoc/>
    public static void Values5() => CudaAsm.Emit(
        $"{Op} {O10}, {A}, {B2}, {O10}; "
        + $"{Op} {O11}, {A}, {B3}, {O11}; ");

    /// <inheritdoc/>
    public static void Values6() => CudaAsm.Emit(
        $"{Op} {O12}, {A}, {B4}, {O12}; "
        + $"{Op} {O13}, {A}, {B5}, {O13}; ");

    /// <inheritdoc/>
    public static void Values7() => CudaAsm.Emit(
        $"{Op} {O14}, {A}, {B6}, {O14}; "
        + $"{Op} {O15}, {A}, {B7}, {O15}; ");
}

/// <summary>Brain float.</summary>
internal readonly struct BFloat16Attention : IAttentionMma
{
    private const string Op = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", Pair = "cvt.rn.bf16x2.f32";

    /// <inheritdoc/>
    public static void Scores0123() => CudaAsm.Emit(
        $"{Op} {S0}, {A}, {B0}, {S0}; "
        + $"{Op} {S1}, {A}, {B1}, {S1}; "
        + $"{Op} {S2}, {A}, {B2}, {S2}; "
        + $"{Op} {S3}, {A}, {B3}, {S3}; ");

    /// <inheritdoc/>
    public static void Scores4567() => CudaAsm.Emit(
        $"{Op} {S4}, {A}, {B4}, {S4}; "
        + $"{Op} {S5}, {A}, {B5}, {S5}; "
        + $"{Op} {S6}, {A}, {B6}, {S6}; "
        + $"{Op} {S7}, {A}, {B7}, {S7}; ");

    /// <inheritdoc/>
    public static void Pack0() => CudaAsm.Emit(
        $"{Pair} fa0, s1, s0; {Pair} fa1, s3, s2; {Pair} fa2, s5, s4; {Pair} fa3, s7, s6; ");

    /// <inheritdoc/>
    public static void Pack1() => CudaAsm.Emit(
        $"{Pair} fa0, s9, s8; {Pair} fa1, s11, s10; {Pair} fa2, s13, s12; {Pair} fa3, s15, s14; ");

    /// <inheritdoc/>
    public static void Pack2() => CudaAsm.Emit(
        $"{Pair} fa0, s17, s16; {Pair} fa1, s19, s18; {Pair} fa2, s21, s20; {Pair} fa3, s23, s22; ");

    /// <inheritdoc/>
    public static void Pack3() => CudaAsm.Emit(
        $"{Pair} fa0, s25, s24; {Pair} fa1, s27, s26; {Pair} fa2, s29, s28; {Pair} fa3, s31, s30; ");

    /// <inheritdoc/>
    public static void Values0() => CudaAsm.Emit(
        $"{Op} {O0}, {A}, {B0}, {O0}; "
        + $"{Op} {O1}, {A}, {B1}, {O1}; ");

    /// <inheritdoc/>
    public static void Values1() => CudaAsm.Emit(
        $"{Op} {O2}, {A}, {B2}, {O2}; "
        + $"{Op} {O3}, {A}, {B3}, {O3}; ");

    /// <inheritdoc/>
    public static void Values2() => CudaAsm.Emit(
        $"{Op} {O4}, {A}, {B4}, {O4}; "
        + $"{Op} {O5}, {A}, {B5}, {O5}; ");

    /// <inheritdoc/>
    public static void Values3() => CudaAsm.Emit(
        $"{Op} {O6}, {A}, {B6}, {O6}; "
        + $"{Op} {O7}, {A}, {B7}, {O7}; ");

    /// <inheritdoc/>
    public static void Values4() => CudaAsm.Emit(
        $"{Op} {O8}, {A}, {B0}, {O8}; "
        + $"{Op} {O9}, {A}, {B1}, {O9}; ");

    /// <inheritdoc/>
    public static void Values5() => CudaAsm.Emit(
        $"{Op} {O10}, {A}, {B2}, {O10}; "
        + $"{Op} {O11}, {A}, {B3}, {O11}; ");

    /// <inheritdoc/>
    public static void Values6() => CudaAsm.Emit(
        $"{Op} {O12}, {A}, {B4}, {O12}; "
        + $"{Op} {O13}, {A}, {B5}, {O13}; ");

    /// <inheritdoc/>
    public static void Values7() => CudaAsm.Emit(
        $"{Op} {O14}, {A}, {B6}, {O14}; "
        + $"{Op} {O15}, {A}, {B7}, {O15}; ");
}
