using ILGPU.Runtime.Cuda;

namespace Diffusion.Kernels.Attention;

/// <summary>
/// What one warp of the attention kernel holds, in PTX text: 16 queries against up to 64 keys, and up to 128 columns of their results.
/// <para>
/// Everything has the layout of an <c>mma</c> result (see <see cref="Cuda.MmaRegisters"/>): with a lane written as 4·g + t, block n of 8
/// columns has its four registers 4n … 4n+3 at (query g, columns 8n + 2t, + 1) and (query g + 8, the same columns). A lane so owns two
/// queries, number 0 and 1, shared with the three other lanes of its group of four. The scores <c>s</c> of two neighbouring blocks,
/// rounded and packed in pairs, are exactly the A fragment for multiplying with the values: they never leave the registers.
/// </para>
/// <para>
/// <c>m</c> is the greatest score so far in units of log 2, <c>l</c> the lane's share of the sum of weights, <c>o</c> the results before
/// they are divided by it, <c>c</c> what older weights are corrected by when a greater score comes (online softmax; Milakov and Gimelshein
/// 2018, Dao et al. 2022).
/// </para>
/// </summary>
internal static class AttentionRegisters
{
    // Declared in the kernel itself, once.
    public const string Declare =
        ".reg .f32 s<32>; .reg .f32 o<64>; .reg .b32 fa<4>; .reg .b32 fb<16>; .reg .f32 m<2>; .reg .f32 l<2>; .reg .f32 c<2>; .reg .u32 sb;";

    public const string LoadMatrices = "ldmatrix.sync.aligned.m8n8.x4.shared.b16", LoadTransposed = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16";

    // The A fragment; B fragments of two blocks of 8 columns.
    public const string A = "{fa0,fa1,fa2,fa3}";

    public const string
        B0 = "{fb0,fb1}",
        B1 = "{fb2,fb3}",
        B2 = "{fb4,fb5}",
        B3 = "{fb6,fb7}",
        B4 = "{fb8,fb9}",
        B5 = "{fb10,fb11}",
        B6 = "{fb12,fb13}",
        B7 = "{fb14,fb15}";

    public const string
        S0 = "{s0,s1,s2,s3}", S1 = "{s4,s5,s6,s7}",
        S2 = "{s8,s9,s10,s11}", S3 = "{s12,s13,s14,s15}",
        S4 = "{s16,s17,s18,s19}", S5 = "{s20,s21,s22,s23}",
        S6 = "{s24,s25,s26,s27}", S7 = "{s28,s29,s30,s31}";

    public const string
        O0 = "{o0,o1,o2,o3}", O1 = "{o4,o5,o6,o7}",
        O2 = "{o8,o9,o10,o11}", O3 = "{o12,o13,o14,o15}",
        O4 = "{o16,o17,o18,o19}", O5 = "{o20,o21,o22,o23}",
        O6 = "{o24,o25,o26,o27}", O7 = "{o28,o29,o30,o31}",
        O8 = "{o32,o33,o34,o35}", O9 = "{o36,o37,o38,o39}",
        O10 = "{o40,o41,o42,o43}", O11 = "{o44,o45,o46,o47}",
        O12 = "{o48,o49,o50,o51}", O13 = "{o52,o53,o54,o55}",
        O14 = "{o56,o57,o58,o59}", O15 = "{o60,o61,o62,o63}";

    /// <summary>No results yet.</summary>
    public static void Clear() => CudaAsm.Emit(
        "mov.f32 m0, 0fFF800000; mov.f32 m1, 0fFF800000; mov.f32 l0, 0f00000000; mov.f32 l1, 0f00000000; "
        + "mov.f32 o0, 0f00000000; mov.f32 o1, 0f00000000; mov.f32 o2, 0f00000000; mov.f32 o3, 0f00000000; "
        + "mov.f32 o4, 0f00000000; mov.f32 o5, 0f00000000; mov.f32 o6, 0f00000000; mov.f32 o7, 0f00000000; "
        + "mov.f32 o8, 0f00000000; mov.f32 o9, 0f00000000; mov.f32 o10, 0f00000000; mov.f32 o11, 0f00000000; "
        + "mov.f32 o12, 0f00000000; mov.f32 o13, 0f00000000; mov.f32 o14, 0f00000000; mov.f32 o15, 0f00000000; "
        + "mov.f32 o16, 0f00000000; mov.f32 o17, 0f00000000; mov.f32 o18, 0f00000000; mov.f32 o19, 0f00000000; "
        + "mov.f32 o20, 0f00000000; mov.f32 o21, 0f00000000; mov.f32 o22, 0f00000000; mov.f32 o23, 0f00000000; "
        + "mov.f32 o24, 0f00000000; mov.f32 o25, 0f00000000; mov.f32 o26, 0f00000000; mov.f32 o27, 0f00000000; "
        + "mov.f32 o28, 0f00000000; mov.f32 o29, 0f00000000; mov.f32 o30, 0f00000000; mov.f32 o31, 0f00000000; "
        + "mov.f32 o32, 0f00000000; mov.f32 o33, 0f00000000; mov.f32 o34, 0f00000000; mov.f32 o35, 0f00000000; "
        + "mov.f32 o36, 0f00000000; mov.f32 o37, 0f00000000; mov.f32 o38, 0f00000000; mov.f32 o39, 0f00000000; "
        + "mov.f32 o40, 0f00000000; mov.f32 o41, 0f00000000; mov.f32 o42, 0f00000000; mov.f32 o43, 0f00000000; "
        + "mov.f32 o44, 0f00000000; mov.f32 o45, 0f00000000; mov.f32 o46, 0f00000000; mov.f32 o47, 0f00000000; "
        + "mov.f32 o48, 0f00000000; mov.f32 o49, 0f00000000; mov.f32 o50, 0f00000000; mov.f32 o51, 0f00000000; "
        + "mov.f32 o52, 0f00000000; mov.f32 o53, 0f00000000; mov.f32 o54, 0f00000000; mov.f32 o55, 0f00000000; "
        + "mov.f32 o56, 0f00000000; mov.f32 o57, 0f00000000; mov.f32 o58, 0f00000000; mov.f32 o59, 0f00000000; "
        + "mov.f32 o60, 0f00000000; mov.f32 o61, 0f00000000; mov.f32 o62, 0f00000000; mov.f32 o63, 0f00000000; ");

    /// <summary>No scores yet.</summary>
    public static void ClearScores() => CudaAsm.Emit(
        "mov.f32 s0, 0f00000000; mov.f32 s1, 0f00000000; mov.f32 s2, 0f00000000; mov.f32 s3, 0f00000000; "
        + "mov.f32 s4, 0f00000000; mov.f32 s5, 0f00000000; mov.f32 s6, 0f00000000; mov.f32 s7, 0f00000000; "
        + "mov.f32 s8, 0f00000000; mov.f32 s9, 0f00000000; mov.f32 s10, 0f00000000; mov.f32 s11, 0f00000000; "
        + "mov.f32 s12, 0f00000000; mov.f32 s13, 0f00000000; mov.f32 s14, 0f00000000; mov.f32 s15, 0f00000000; "
        + "mov.f32 s16, 0f00000000; mov.f32 s17, 0f00000000; mov.f32 s18, 0f00000000; mov.f32 s19, 0f00000000; "
        + "mov.f32 s20, 0f00000000; mov.f32 s21, 0f00000000; mov.f32 s22, 0f00000000; mov.f32 s23, 0f00000000; "
        + "mov.f32 s24, 0f00000000; mov.f32 s25, 0f00000000; mov.f32 s26, 0f00000000; mov.f32 s27, 0f00000000; "
        + "mov.f32 s28, 0f00000000; mov.f32 s29, 0f00000000; mov.f32 s30, 0f00000000; mov.f32 s31, 0f00000000; ");

    /// <summary>Multiplies all scores.</summary>
    public static void ScaleScores(float factor) => CudaAsm.Emit(
        "mul.f32 s0, s0, %0; mul.f32 s1, s1, %0; mul.f32 s2, s2, %0; mul.f32 s3, s3, %0; "
        + "mul.f32 s4, s4, %0; mul.f32 s5, s5, %0; mul.f32 s6, s6, %0; mul.f32 s7, s7, %0; "
        + "mul.f32 s8, s8, %0; mul.f32 s9, s9, %0; mul.f32 s10, s10, %0; mul.f32 s11, s11, %0; "
        + "mul.f32 s12, s12, %0; mul.f32 s13, s13, %0; mul.f32 s14, s14, %0; mul.f32 s15, s15, %0; "
        + "mul.f32 s16, s16, %0; mul.f32 s17, s17, %0; mul.f32 s18, s18, %0; mul.f32 s19, s19, %0; "
        + "mul.f32 s20, s20, %0; mul.f32 s21, s21, %0; mul.f32 s22, s22, %0; mul.f32 s23, s23, %0; "
        + "mul.f32 s24, s24, %0; mul.f32 s25, s25, %0; mul.f32 s26, s26, %0; mul.f32 s27, s27, %0; "
        + "mul.f32 s28, s28, %0; mul.f32 s29, s29, %0; mul.f32 s30, s30, %0; mul.f32 s31, s31, %0; ",
        factor);

    /// <summary>Hides the keys behind the last visible one of each query, counted from the lane's first column.</summary>
    public static void HideAfter(int last0, int last1) => CudaAsm.Emit(
        "{ .reg .pred h; "
        + "setp.lt.s32 h, %0, 0; @h mov.f32 s0, 0fFF800000; setp.lt.s32 h, %1, 0; @h mov.f32 s2, 0fFF800000; "
        + "setp.lt.s32 h, %0, 1; @h mov.f32 s1, 0fFF800000; setp.lt.s32 h, %1, 1; @h mov.f32 s3, 0fFF800000; "
        + "setp.lt.s32 h, %0, 8; @h mov.f32 s4, 0fFF800000; setp.lt.s32 h, %1, 8; @h mov.f32 s6, 0fFF800000; "
        + "setp.lt.s32 h, %0, 9; @h mov.f32 s5, 0fFF800000; setp.lt.s32 h, %1, 9; @h mov.f32 s7, 0fFF800000; "
        + "setp.lt.s32 h, %0, 16; @h mov.f32 s8, 0fFF800000; setp.lt.s32 h, %1, 16; @h mov.f32 s10, 0fFF800000; "
        + "setp.lt.s32 h, %0, 17; @h mov.f32 s9, 0fFF800000; setp.lt.s32 h, %1, 17; @h mov.f32 s11, 0fFF800000; "
        + "setp.lt.s32 h, %0, 24; @h mov.f32 s12, 0fFF800000; setp.lt.s32 h, %1, 24; @h mov.f32 s14, 0fFF800000; "
        + "setp.lt.s32 h, %0, 25; @h mov.f32 s13, 0fFF800000; setp.lt.s32 h, %1, 25; @h mov.f32 s15, 0fFF800000; "
        + "setp.lt.s32 h, %0, 32; @h mov.f32 s16, 0fFF800000; setp.lt.s32 h, %1, 32; @h mov.f32 s18, 0fFF800000; "
        + "setp.lt.s32 h, %0, 33; @h mov.f32 s17, 0fFF800000; setp.lt.s32 h, %1, 33; @h mov.f32 s19, 0fFF800000; "
        + "setp.lt.s32 h, %0, 40; @h mov.f32 s20, 0fFF800000; setp.lt.s32 h, %1, 40; @h mov.f32 s22, 0fFF800000; "
        + "setp.lt.s32 h, %0, 41; @h mov.f32 s21, 0fFF800000; setp.lt.s32 h, %1, 41; @h mov.f32 s23, 0fFF800000; "
        + "setp.lt.s32 h, %0, 48; @h mov.f32 s24, 0fFF800000; setp.lt.s32 h, %1, 48; @h mov.f32 s26, 0fFF800000; "
        + "setp.lt.s32 h, %0, 49; @h mov.f32 s25, 0fFF800000; setp.lt.s32 h, %1, 49; @h mov.f32 s27, 0fFF800000; "
        + "setp.lt.s32 h, %0, 56; @h mov.f32 s28, 0fFF800000; setp.lt.s32 h, %1, 56; @h mov.f32 s30, 0fFF800000; "
        + "setp.lt.s32 h, %0, 57; @h mov.f32 s29, 0fFF800000; setp.lt.s32 h, %1, 57; @h mov.f32 s31, 0fFF800000; "
        + "} ",
        last0,
        last1);

    /// <summary>Hides keys 32 … 63, which a smaller tile does not have.</summary>
    public static void HideUpperHalf() => CudaAsm.Emit(
        "mov.f32 s16, 0fFF800000; mov.f32 s17, 0fFF800000; mov.f32 s18, 0fFF800000; mov.f32 s19, 0fFF800000; "
        + "mov.f32 s20, 0fFF800000; mov.f32 s21, 0fFF800000; mov.f32 s22, 0fFF800000; mov.f32 s23, 0fFF800000; "
        + "mov.f32 s24, 0fFF800000; mov.f32 s25, 0fFF800000; mov.f32 s26, 0fFF800000; mov.f32 s27, 0fFF800000; "
        + "mov.f32 s28, 0fFF800000; mov.f32 s29, 0fFF800000; mov.f32 s30, 0fFF800000; mov.f32 s31, 0fFF800000; ");

    /// <summary>
    /// Turns scores (in units of log 2) into weights: finds each query's greatest score with the lanes that share it, corrects the sum, and
    /// leaves the correction of the results in <c>c</c>. A query that has seen no key yet keeps weights and correction of 0.
    /// </summary>
    public static void Weigh() => CudaAsm.Emit(
        "{ .reg .f32 t; .reg .f32 u; .reg .pred none; "
        + "max.f32 t, s0, s1; max.f32 t, t, s4; max.f32 t, t, s5; max.f32 t, t, s8; max.f32 t, t, s9; max.f32 t, t, s12; max.f32 t, t, s13; "
        + "max.f32 t, t, s16; max.f32 t, t, s17; max.f32 t, t, s20; max.f32 t, t, s21; max.f32 t, t, s24; max.f32 t, t, s25; max.f32 t, t, s28; max.f32 t, t, s29; "
        + "shfl.sync.bfly.b32 u, t, 1, 31, 0xffffffff; max.f32 t, t, u; shfl.sync.bfly.b32 u, t, 2, 31, 0xffffffff; max.f32 t, t, u; "
        + "max.f32 t, t, m0; setp.eq.f32 none, t, 0fFF800000; selp.f32 u, 0f00000000, t, none; "
        + "sub.f32 c0, m0, u; ex2.approx.ftz.f32 c0, c0; mov.f32 m0, t; mul.f32 l0, l0, c0; "
        + "sub.f32 s0, s0, u; ex2.approx.ftz.f32 s0, s0; add.f32 l0, l0, s0; "
        + "sub.f32 s1, s1, u; ex2.approx.ftz.f32 s1, s1; add.f32 l0, l0, s1; "
        + "sub.f32 s4, s4, u; ex2.approx.ftz.f32 s4, s4; add.f32 l0, l0, s4; "
        + "sub.f32 s5, s5, u; ex2.approx.ftz.f32 s5, s5; add.f32 l0, l0, s5; "
        + "sub.f32 s8, s8, u; ex2.approx.ftz.f32 s8, s8; add.f32 l0, l0, s8; "
        + "sub.f32 s9, s9, u; ex2.approx.ftz.f32 s9, s9; add.f32 l0, l0, s9; "
        + "sub.f32 s12, s12, u; ex2.approx.ftz.f32 s12, s12; add.f32 l0, l0, s12; "
        + "sub.f32 s13, s13, u; ex2.approx.ftz.f32 s13, s13; add.f32 l0, l0, s13; "
        + "sub.f32 s16, s16, u; ex2.approx.ftz.f32 s16, s16; add.f32 l0, l0, s16; "
        + "sub.f32 s17, s17, u; ex2.approx.ftz.f32 s17, s17; add.f32 l0, l0, s17; "
        + "sub.f32 s20, s20, u; ex2.approx.ftz.f32 s20, s20; add.f32 l0, l0, s20; "
        + "sub.f32 s21, s21, u; ex2.approx.ftz.f32 s21, s21; add.f32 l0, l0, s21; "
        + "sub.f32 s24, s24, u; ex2.approx.ftz.f32 s24, s24; add.f32 l0, l0, s24; "
        + "sub.f32 s25, s25, u; ex2.approx.ftz.f32 s25, s25; add.f32 l0, l0, s25; "
        + "sub.f32 s28, s28, u; ex2.approx.ftz.f32 s28, s28; add.f32 l0, l0, s28; "
        + "sub.f32 s29, s29, u; ex2.approx.ftz.f32 s29, s29; add.f32 l0, l0, s29; "
        + "max.f32 t, s2, s3; max.f32 t, t, s6; max.f32 t, t, s7; max.f32 t, t, s10; max.f32 t, t, s11; max.f32 t, t, s14; max.f32 t, t, s15; "
        + "max.f32 t, t, s18; max.f32 t, t, s19; max.f32 t, t, s22; max.f32 t, t, s23; max.f32 t, t, s26; max.f32 t, t, s27; max.f32 t, t, s30; max.f32 t, t, s31; "
        + "shfl.sync.bfly.b32 u, t, 1, 31, 0xffffffff; max.f32 t, t, u; shfl.sync.bfly.b32 u, t, 2, 31, 0xffffffff; max.f32 t, t, u; "
        + "max.f32 t, t, m1; setp.eq.f32 none, t, 0fFF800000; selp.f32 u, 0f00000000, t, none; "
        + "sub.f32 c1, m1, u; ex2.approx.ftz.f32 c1, c1; mov.f32 m1, t; mul.f32 l1, l1, c1; "
        + "sub.f32 s2, s2, u; ex2.approx.ftz.f32 s2, s2; add.f32 l1, l1, s2; "
        + "sub.f32 s3, s3, u; ex2.approx.ftz.f32 s3, s3; add.f32 l1, l1, s3; "
        + "sub.f32 s6, s6, u; ex2.approx.ftz.f32 s6, s6; add.f32 l1, l1, s6; "
        + "sub.f32 s7, s7, u; ex2.approx.ftz.f32 s7, s7; add.f32 l1, l1, s7; "
        + "sub.f32 s10, s10, u; ex2.approx.ftz.f32 s10, s10; add.f32 l1, l1, s10; "
        + "sub.f32 s11, s11, u; ex2.approx.ftz.f32 s11, s11; add.f32 l1, l1, s11; "
        + "sub.f32 s14, s14, u; ex2.approx.ftz.f32 s14, s14; add.f32 l1, l1, s14; "
        + "sub.f32 s15, s15, u; ex2.approx.ftz.f32 s15, s15; add.f32 l1, l1, s15; "
        + "sub.f32 s18, s18, u; ex2.approx.ftz.f32 s18, s18; add.f32 l1, l1, s18; "
        + "sub.f32 s19, s19, u; ex2.approx.ftz.f32 s19, s19; add.f32 l1, l1, s19; "
        + "sub.f32 s22, s22, u; ex2.approx.ftz.f32 s22, s22; add.f32 l1, l1, s22; "
        + "sub.f32 s23, s23, u; ex2.approx.ftz.f32 s23, s23; add.f32 l1, l1, s23; "
        + "sub.f32 s26, s26, u; ex2.approx.ftz.f32 s26, s26; add.f32 l1, l1, s26; "
        + "sub.f32 s27, s27, u; ex2.approx.ftz.f32 s27, s27; add.f32 l1, l1, s27; "
        + "sub.f32 s30, s30, u; ex2.approx.ftz.f32 s30, s30; add.f32 l1, l1, s30; "
        + "sub.f32 s31, s31, u; ex2.approx.ftz.f32 s31, s31; add.f32 l1, l1, s31; "
        + "} ");

    /// <summary>Corrects results 0 … 63.</summary>
    public static void CorrectLower() => CudaAsm.Emit(
        "mul.f32 o0, o0, c0; mul.f32 o1, o1, c0; mul.f32 o2, o2, c1; mul.f32 o3, o3, c1; "
        + "mul.f32 o4, o4, c0; mul.f32 o5, o5, c0; mul.f32 o6, o6, c1; mul.f32 o7, o7, c1; "
        + "mul.f32 o8, o8, c0; mul.f32 o9, o9, c0; mul.f32 o10, o10, c1; mul.f32 o11, o11, c1; "
        + "mul.f32 o12, o12, c0; mul.f32 o13, o13, c0; mul.f32 o14, o14, c1; mul.f32 o15, o15, c1; "
        + "mul.f32 o16, o16, c0; mul.f32 o17, o17, c0; mul.f32 o18, o18, c1; mul.f32 o19, o19, c1; "
        + "mul.f32 o20, o20, c0; mul.f32 o21, o21, c0; mul.f32 o22, o22, c1; mul.f32 o23, o23, c1; "
        + "mul.f32 o24, o24, c0; mul.f32 o25, o25, c0; mul.f32 o26, o26, c1; mul.f32 o27, o27, c1; "
        + "mul.f32 o28, o28, c0; mul.f32 o29, o29, c0; mul.f32 o30, o30, c1; mul.f32 o31, o31, c1; ");

    /// <summary>Corrects the other results.</summary>
    public static void CorrectUpper() => CudaAsm.Emit(
        "mul.f32 o32, o32, c0; mul.f32 o33, o33, c0; mul.f32 o34, o34, c1; mul.f32 o35, o35, c1; "
        + "mul.f32 o36, o36, c0; mul.f32 o37, o37, c0; mul.f32 o38, o38, c1; mul.f32 o39, o39, c1; "
        + "mul.f32 o40, o40, c0; mul.f32 o41, o41, c0; mul.f32 o42, o42, c1; mul.f32 o43, o43, c1; "
        + "mul.f32 o44, o44, c0; mul.f32 o45, o45, c0; mul.f32 o46, o46, c1; mul.f32 o47, o47, c1; "
        + "mul.f32 o48, o48, c0; mul.f32 o49, o49, c0; mul.f32 o50, o50, c1; mul.f32 o51, o51, c1; "
        + "mul.f32 o52, o52, c0; mul.f32 o53, o53, c0; mul.f32 o54, o54, c1; mul.f32 o55, o55, c1; "
        + "mul.f32 o56, o56, c0; mul.f32 o57, o57, c0; mul.f32 o58, o58, c1; mul.f32 o59, o59, c1; "
        + "mul.f32 o60, o60, c0; mul.f32 o61, o61, c0; mul.f32 o62, o62, c1; mul.f32 o63, o63, c1; ");

    /// <summary>Puts the factor that finishes the results into <c>c</c>: one over the whole sum of weights, or 0 where there is none.</summary>
    public static void Normalize() => CudaAsm.Emit(
        "{ .reg .f32 u; .reg .pred none; "
        + "shfl.sync.bfly.b32 u, l0, 1, 31, 0xffffffff; add.f32 l0, l0, u; shfl.sync.bfly.b32 u, l0, 2, 31, 0xffffffff; add.f32 l0, l0, u; "
        + "setp.eq.f32 none, l0, 0f00000000; rcp.rn.f32 c0, l0; selp.f32 c0, 0f00000000, c0, none; "
        + "shfl.sync.bfly.b32 u, l1, 1, 31, 0xffffffff; add.f32 l1, l1, u; shfl.sync.bfly.b32 u, l1, 2, 31, 0xffffffff; add.f32 l1, l1, u; "
        + "setp.eq.f32 none, l1, 0f00000000; rcp.rn.f32 c1, l1; selp.f32 c1, 0f00000000, c1, none; "
        + "} ");

    /// <summary>Reads the B fragments of two blocks of 16 keys.</summary>
    /// <param name="first">Byte of the lane's row of the first block.</param>
    /// <param name="second">The same of the second.</param>
    public static void LoadKeys01(int first, int second) => CudaAsm.Emit(
        "{ .reg .u32 p; add.u32 p, sb, %0; "
        + $"{LoadMatrices} {{fb0,fb1,fb2,fb3}}, [p]; add.u32 p, sb, %1; {LoadMatrices} {{fb4,fb5,fb6,fb7}}, [p]; }}",
        first,
        second);

    /// <summary>The same for blocks 2 and 3.</summary>
    public static void LoadKeys23(int first, int second) => CudaAsm.Emit(
        "{ .reg .u32 p; add.u32 p, sb, %0; "
        + $"{LoadMatrices} {{fb8,fb9,fb10,fb11}}, [p]; add.u32 p, sb, %1; {LoadMatrices} {{fb12,fb13,fb14,fb15}}, [p]; }}",
        first,
        second);

    /// <summary>Reads the A fragment of 16 queries.</summary>
    public static void LoadQueries(int place) => CudaAsm.Emit($"{{ .reg .u32 p; add.u32 p, sb, %0; {LoadMatrices} {A}, [p]; }}", place);

    /// <summary>Reads 16 columns of values, transposed, into B fragments 0 and 1.</summary>
    public static void LoadValues0(int place) => CudaAsm.Emit(
        $"{{ .reg .u32 p; add.u32 p, sb, %0; {LoadTransposed} {{fb0,fb1,fb2,fb3}}, [p]; }}",
        place);

    /// <summary>Reads 16 columns of values, transposed, into B fragments 2 and 3.</summary>
    public static void LoadValues1(int place) => CudaAsm.Emit(
        $"{{ .reg .u32 p; add.u32 p, sb, %0; {LoadTransposed} {{fb4,fb5,fb6,fb7}}, [p]; }}",
        place);

    /// <summary>Reads 16 columns of values, transposed, into B fragments 4 and 5.</summary>
    public static void LoadValues2(int place) => CudaAsm.Emit(
        $"{{ .reg .u32 p; add.u32 p, sb, %0; {LoadTransposed} {{fb8,fb9,fb10,fb11}}, [p]; }}",
        place);

    /// <summary>Reads 16 columns of values, transposed, into B fragments 6 and 7.</summary>
    public static void LoadValues3(int place) => CudaAsm.Emit(
        $"{{ .reg .u32 p; add.u32 p, sb, %0; {LoadTransposed} {{fb12,fb13,fb14,fb15}}, [p]; }}",
        place);

    /// <summary>Adds a float32 mask to the scores of key block 0: two keys of query 0, two of query 1.</summary>
    public static void AddMask0(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s0, x, e, s0; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s1, x, e, s1; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s2, x, e, s2; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s3, x, e, s3; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Adds a float32 mask to the scores of key block 1: two keys of query 0, two of query 1.</summary>
    public static void AddMask1(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s4, x, e, s4; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s5, x, e, s5; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s6, x, e, s6; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s7, x, e, s7; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Adds a float32 mask to the scores of key block 2: two keys of query 0, two of query 1.</summary>
    public static void AddMask2(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s8, x, e, s8; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s9, x, e, s9; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s10, x, e, s10; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s11, x, e, s11; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Adds a float32 mask to the scores of key block 3: two keys of query 0, two of query 1.</summary>
    public static void AddMask3(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s12, x, e, s12; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s13, x, e, s13; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s14, x, e, s14; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s15, x, e, s15; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Adds a float32 mask to the scores of key block 4: two keys of query 0, two of query 1.</summary>
    public static void AddMask4(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s16, x, e, s16; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s17, x, e, s17; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s18, x, e, s18; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s19, x, e, s19; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Adds a float32 mask to the scores of key block 5: two keys of query 0, two of query 1.</summary>
    public static void AddMask5(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s20, x, e, s20; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s21, x, e, s21; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s22, x, e, s22; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s23, x, e, s23; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Adds a float32 mask to the scores of key block 6: two keys of query 0, two of query 1.</summary>
    public static void AddMask6(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s24, x, e, s24; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s25, x, e, s25; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s26, x, e, s26; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s27, x, e, s27; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Adds a float32 mask to the scores of key block 7: two keys of query 0, two of query 1.</summary>
    public static void AddMask7(long a, long b, long c, long d) => CudaAsm.Emit(
        "{ .reg .f32 x; .reg .f32 e; mov.f32 e, 0f3FB8AA3B; "
        + "ld.global.f32 x, [%0]; fma.rn.f32 s28, x, e, s28; "
        + "ld.global.f32 x, [%1]; fma.rn.f32 s29, x, e, s29; "
        + "ld.global.f32 x, [%2]; fma.rn.f32 s30, x, e, s30; "
        + "ld.global.f32 x, [%3]; fma.rn.f32 s31, x, e, s31; "
        + "} ",
        a,
        b,
        c,
        d);

    /// <summary>Stores finished columns 0 … 63 of both queries into shared memory.</summary>
    public static void DrainLower(int first, int second) => CudaAsm.Emit(
        "{ .reg .u32 p; .reg .u32 r; .reg .f32 x; .reg .f32 y; add.u32 p, sb, %0; add.u32 r, sb, %1; "
        + "mul.f32 x, o0, c0; mul.f32 y, o1, c0; st.shared.v2.f32 [p+0], {x,y}; mul.f32 x, o2, c1; mul.f32 y, o3, c1; st.shared.v2.f32 [r+0], {x,y}; "
        + "mul.f32 x, o4, c0; mul.f32 y, o5, c0; st.shared.v2.f32 [p+32], {x,y}; mul.f32 x, o6, c1; mul.f32 y, o7, c1; st.shared.v2.f32 [r+32], {x,y}; "
        + "mul.f32 x, o8, c0; mul.f32 y, o9, c0; st.shared.v2.f32 [p+64], {x,y}; mul.f32 x, o10, c1; mul.f32 y, o11, c1; st.shared.v2.f32 [r+64], {x,y}; "
        + "mul.f32 x, o12, c0; mul.f32 y, o13, c0; st.shared.v2.f32 [p+96], {x,y}; mul.f32 x, o14, c1; mul.f32 y, o15, c1; st.shared.v2.f32 [r+96], {x,y}; "
        + "mul.f32 x, o16, c0; mul.f32 y, o17, c0; st.shared.v2.f32 [p+128], {x,y}; mul.f32 x, o18, c1; mul.f32 y, o19, c1; st.shared.v2.f32 [r+128], {x,y}; "
        + "mul.f32 x, o20, c0; mul.f32 y, o21, c0; st.shared.v2.f32 [p+160], {x,y}; mul.f32 x, o22, c1; mul.f32 y, o23, c1; st.shared.v2.f32 [r+160], {x,y}; "
        + "mul.f32 x, o24, c0; mul.f32 y, o25, c0; st.shared.v2.f32 [p+192], {x,y}; mul.f32 x, o26, c1; mul.f32 y, o27, c1; st.shared.v2.f32 [r+192], {x,y}; "
        + "mul.f32 x, o28, c0; mul.f32 y, o29, c0; st.shared.v2.f32 [p+224], {x,y}; mul.f32 x, o30, c1; mul.f32 y, o31, c1; st.shared.v2.f32 [r+224], {x,y}; "
        + "} ",
        first,
        second);

    /// <summary>The same for columns 64 … 127.</summary>
    public static void DrainUpper(int first, int second) => CudaAsm.Emit(
        "{ .reg .u32 p; .reg .u32 r; .reg .f32 x; .reg .f32 y; add.u32 p, sb, %0; add.u32 r, sb, %1; "
        + "mul.f32 x, o32, c0; mul.f32 y, o33, c0; st.shared.v2.f32 [p+256], {x,y}; mul.f32 x, o34, c1; mul.f32 y, o35, c1; st.shared.v2.f32 [r+256], {x,y}; "
        + "mul.f32 x, o36, c0; mul.f32 y, o37, c0; st.shared.v2.f32 [p+288], {x,y}; mul.f32 x, o38, c1; mul.f32 y, o39, c1; st.shared.v2.f32 [r+288], {x,y}; "
        + "mul.f32 x, o40, c0; mul.f32 y, o41, c0; st.shared.v2.f32 [p+320], {x,y}; mul.f32 x, o42, c1; mul.f32 y, o43, c1; st.shared.v2.f32 [r+320], {x,y}; "
        + "mul.f32 x, o44, c0; mul.f32 y, o45, c0; st.shared.v2.f32 [p+352], {x,y}; mul.f32 x, o46, c1; mul.f32 y, o47, c1; st.shared.v2.f32 [r+352], {x,y}; "
        + "mul.f32 x, o48, c0; mul.f32 y, o49, c0; st.shared.v2.f32 [p+384], {x,y}; mul.f32 x, o50, c1; mul.f32 y, o51, c1; st.shared.v2.f32 [r+384], {x,y}; "
        + "mul.f32 x, o52, c0; mul.f32 y, o53, c0; st.shared.v2.f32 [p+416], {x,y}; mul.f32 x, o54, c1; mul.f32 y, o55, c1; st.shared.v2.f32 [r+416], {x,y}; "
        + "mul.f32 x, o56, c0; mul.f32 y, o57, c0; st.shared.v2.f32 [p+448], {x,y}; mul.f32 x, o58, c1; mul.f32 y, o59, c1; st.shared.v2.f32 [r+448], {x,y}; "
        + "mul.f32 x, o60, c0; mul.f32 y, o61, c0; st.shared.v2.f32 [p+480], {x,y}; mul.f32 x, o62, c1; mul.f32 y, o63, c1; st.shared.v2.f32 [r+480], {x,y}; "
        + "} ",
        first,
        second);
}
