using ILGPU.Runtime.Cuda;
using static Diffusion.Kernels.Cuda.MmaRegisters;

namespace Diffusion.Kernels.Cuda;

/// <summary>
/// Float32 operands to about 21 bits of fraction: each is the sum of two tf32 numbers, and of the four products of their parts
/// only that of both remainders is left out (Ootomo and Yokota 2022). Three times the instructions of <see cref="TensorFloat32Mma"/>.
/// </summary>
internal readonly struct SplitFloat32Mma : IMma
{
    private const string Op = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32";
    private const string Round = "cvt.rna.tf32.f32";

    /// <inheritdoc/>
    public static int Parts => 2;

    /// <inheritdoc/>
    public static void MultiplyUpper() => CudaAsm.Emit(
        $"{Op} {D00}, {A0}, {RB0}, {D00}; {Op} {D01}, {A0}, {RB1}, {D01}; "
        + $"{Op} {D02}, {A0}, {RB2}, {D02}; {Op} {D03}, {A0}, {RB3}, {D03}; "
        + $"{Op} {D00}, {RA0}, {B0}, {D00}; {Op} {D01}, {RA0}, {B1}, {D01}; "
        + $"{Op} {D02}, {RA0}, {B2}, {D02}; {Op} {D03}, {RA0}, {B3}, {D03}; "
        + $"{Op} {D00}, {A0}, {B0}, {D00}; {Op} {D01}, {A0}, {B1}, {D01}; "
        + $"{Op} {D02}, {A0}, {B2}, {D02}; {Op} {D03}, {A0}, {B3}, {D03}; "
        + $"{Op} {D10}, {A1}, {RB0}, {D10}; {Op} {D11}, {A1}, {RB1}, {D11}; "
        + $"{Op} {D12}, {A1}, {RB2}, {D12}; {Op} {D13}, {A1}, {RB3}, {D13}; "
        + $"{Op} {D10}, {RA1}, {B0}, {D10}; {Op} {D11}, {RA1}, {B1}, {D11}; "
        + $"{Op} {D12}, {RA1}, {B2}, {D12}; {Op} {D13}, {RA1}, {B3}, {D13}; "
        + $"{Op} {D10}, {A1}, {B0}, {D10}; {Op} {D11}, {A1}, {B1}, {D11}; "
        + $"{Op} {D12}, {A1}, {B2}, {D12}; {Op} {D13}, {A1}, {B3}, {D13}; ");

    /// <inheritdoc/>
    public static void MultiplyLower() => CudaAsm.Emit(
        $"{Op} {D20}, {A2}, {RB0}, {D20}; {Op} {D21}, {A2}, {RB1}, {D21}; "
        + $"{Op} {D22}, {A2}, {RB2}, {D22}; {Op} {D23}, {A2}, {RB3}, {D23}; "
        + $"{Op} {D20}, {RA2}, {B0}, {D20}; {Op} {D21}, {RA2}, {B1}, {D21}; "
        + $"{Op} {D22}, {RA2}, {B2}, {D22}; {Op} {D23}, {RA2}, {B3}, {D23}; "
        + $"{Op} {D20}, {A2}, {B0}, {D20}; {Op} {D21}, {A2}, {B1}, {D21}; "
        + $"{Op} {D22}, {A2}, {B2}, {D22}; {Op} {D23}, {A2}, {B3}, {D23}; "
        + $"{Op} {D30}, {A3}, {RB0}, {D30}; {Op} {D31}, {A3}, {RB1}, {D31}; "
        + $"{Op} {D32}, {A3}, {RB2}, {D32}; {Op} {D33}, {A3}, {RB3}, {D33}; "
        + $"{Op} {D30}, {RA3}, {B0}, {D30}; {Op} {D31}, {RA3}, {B1}, {D31}; "
        + $"{Op} {D32}, {RA3}, {B2}, {D32}; {Op} {D33}, {RA3}, {B3}, {D33}; "
        + $"{Op} {D30}, {A3}, {B0}, {D30}; {Op} {D31}, {A3}, {B1}, {D31}; "
        + $"{Op} {D32}, {A3}, {B2}, {D32}; {Op} {D33}, {A3}, {B3}, {D33}; ");

    /// <inheritdoc/>
    public static void Convert()
    {
        CudaAsm.Emit(
            "{ .reg .b32 t; "
            + $"{Round} t, fa0; sub.f32 ra0, fa0, t; mov.b32 fa0, t; {Round} ra0, ra0; {Round} t, fa1; sub.f32 ra1, fa1, t; mov.b32 fa1, t; {Round} ra1, ra1; "
            + $"{Round} t, fa2; sub.f32 ra2, fa2, t; mov.b32 fa2, t; {Round} ra2, ra2; {Round} t, fa3; sub.f32 ra3, fa3, t; mov.b32 fa3, t; {Round} ra3, ra3; "
            + $"{Round} t, fa4; sub.f32 ra4, fa4, t; mov.b32 fa4, t; {Round} ra4, ra4; {Round} t, fa5; sub.f32 ra5, fa5, t; mov.b32 fa5, t; {Round} ra5, ra5; "
            + $"{Round} t, fa6; sub.f32 ra6, fa6, t; mov.b32 fa6, t; {Round} ra6, ra6; {Round} t, fa7; sub.f32 ra7, fa7, t; mov.b32 fa7, t; {Round} ra7, ra7; "
            + $"{Round} t, fa8; sub.f32 ra8, fa8, t; mov.b32 fa8, t; {Round} ra8, ra8; {Round} t, fa9; sub.f32 ra9, fa9, t; mov.b32 fa9, t; {Round} ra9, ra9; "
            + $"{Round} t, fa10; sub.f32 ra10, fa10, t; mov.b32 fa10, t; {Round} ra10, ra10; {Round} t, fa11; sub.f32 ra11, fa11, t; mov.b32 fa11, t; {Round} ra11, ra11; "
            + $"{Round} t, fa12; sub.f32 ra12, fa12, t; mov.b32 fa12, t; {Round} ra12, ra12; {Round} t, fa13; sub.f32 ra13, fa13, t; mov.b32 fa13, t; {Round} ra13, ra13; "
            + $"{Round} t, fa14; sub.f32 ra14, fa14, t; mov.b32 fa14, t; {Round} ra14, ra14; {Round} t, fa15; sub.f32 ra15, fa15, t; mov.b32 fa15, t; {Round} ra15, ra15; "
            + "}");
        CudaAsm.Emit(
            "{ .reg .b32 t; "
            + $"{Round} t, fb0; sub.f32 rb0, fb0, t; mov.b32 fb0, t; {Round} rb0, rb0; {Round} t, fb1; sub.f32 rb1, fb1, t; mov.b32 fb1, t; {Round} rb1, rb1; "
            + $"{Round} t, fb2; sub.f32 rb2, fb2, t; mov.b32 fb2, t; {Round} rb2, rb2; {Round} t, fb3; sub.f32 rb3, fb3, t; mov.b32 fb3, t; {Round} rb3, rb3; "
            + $"{Round} t, fb4; sub.f32 rb4, fb4, t; mov.b32 fb4, t; {Round} rb4, rb4; {Round} t, fb5; sub.f32 rb5, fb5, t; mov.b32 fb5, t; {Round} rb5, rb5; "
            + $"{Round} t, fb6; sub.f32 rb6, fb6, t; mov.b32 fb6, t; {Round} rb6, rb6; {Round} t, fb7; sub.f32 rb7, fb7, t; mov.b32 fb7, t; {Round} rb7, rb7; "
            + "}");
    }

    /// <inheritdoc/>
    public static void Finish()
    {
    }
}
