namespace Diffusion.Kernels.Cuda;

/// <summary>
/// Names of the registers that hold a warp's part of a matrix product, in PTX text.
/// <para>
/// One <c>mma</c> multiplies 16 rows by 8 columns over 32 bytes of depth (16 halves, 8 floats or 32 bytes). Write a lane as
/// 4·g + t, g = 0…7, t = 0…3. In units of 4 bytes along the depth (8 words: two halves, one float or four bytes each):
/// </para>
/// <list type="table">
/// <item><term>A, 4 registers</term><description>(row g, word t), (row g+8, word t), (row g, word t+4), (row g+8, word t+4).</description></item>
/// <item><term>B, 2 registers</term><description>(column g, word t), (column g, word t+4).</description></item>
/// <item><term>C, 4 registers</term><description>(row g, columns 2t and 2t+1), (row g+8, columns 2t and 2t+1).</description></item>
/// </list>
/// <para>
/// <c>ldmatrix</c> reads 8 rows of 16 bytes and gives lane 4·g + t the word t of row g. Four of them make A's fragment: rows 0–7 and 8–15
/// of the first 16 bytes, then of the second. So a tile is kept as rows of bytes along the depth, for A and for B alike, and the element
/// type does not matter until the multiplication. Source: PTX ISA, "Matrix fragments for mma.m16n8k16" and its neighbours, "ldmatrix".
/// </para>
/// <para>
/// A warp holds up to 4 row blocks (A0–A3) and 4 column blocks (B0–B3), so 64 × 32 sums; D<i>rc</i> is row block r and column block c.
/// </para>
/// </summary>
internal static class MmaRegisters
{
    // Declared in the kernel itself, once; inlined helpers then use the names.
    public const string Declare = ".reg .b32 acc<64>; .reg .b32 fa<16>; .reg .b32 fb<8>; .reg .b32 ra<16>; .reg .b32 rb<8>; .reg .u32 sb;";

    public const string
        A0 = "{fa0,fa1,fa2,fa3}",
        A1 = "{fa4,fa5,fa6,fa7}",
        A2 = "{fa8,fa9,fa10,fa11}",
        A3 = "{fa12,fa13,fa14,fa15}";

    public const string
        B0 = "{fb0,fb1}",
        B1 = "{fb2,fb3}",
        B2 = "{fb4,fb5}",
        B3 = "{fb6,fb7}";

    // Where an operand is split in two: what rounding left over of A0–A3 and B0–B3.
    public const string
        RA0 = "{ra0,ra1,ra2,ra3}",
        RA1 = "{ra4,ra5,ra6,ra7}",
        RA2 = "{ra8,ra9,ra10,ra11}",
        RA3 = "{ra12,ra13,ra14,ra15}";

    public const string
        RB0 = "{rb0,rb1}",
        RB1 = "{rb2,rb3}",
        RB2 = "{rb4,rb5}",
        RB3 = "{rb6,rb7}";

    // Two column blocks arrive by one instruction.
    public const string B01 = "{fb0,fb1,fb2,fb3}", B23 = "{fb4,fb5,fb6,fb7}";

    public const string LoadMatrices = "ldmatrix.sync.aligned.m8n8.x4.shared.b16";

    public const string
        D00 = "{acc0,acc1,acc2,acc3}", D01 = "{acc4,acc5,acc6,acc7}",
        D02 = "{acc8,acc9,acc10,acc11}", D03 = "{acc12,acc13,acc14,acc15}",
        D10 = "{acc16,acc17,acc18,acc19}", D11 = "{acc20,acc21,acc22,acc23}",
        D12 = "{acc24,acc25,acc26,acc27}", D13 = "{acc28,acc29,acc30,acc31}",
        D20 = "{acc32,acc33,acc34,acc35}", D21 = "{acc36,acc37,acc38,acc39}",
        D22 = "{acc40,acc41,acc42,acc43}", D23 = "{acc44,acc45,acc46,acc47}",
        D30 = "{acc48,acc49,acc50,acc51}", D31 = "{acc52,acc53,acc54,acc55}",
        D32 = "{acc56,acc57,acc58,acc59}", D33 = "{acc60,acc61,acc62,acc63}";

    public const string Zero =
        "mov.b32 acc0, 0; mov.b32 acc1, 0; mov.b32 acc2, 0; mov.b32 acc3, 0; mov.b32 acc4, 0; mov.b32 acc5, 0; mov.b32 acc6, 0; mov.b32 acc7, 0; "
        + "mov.b32 acc8, 0; mov.b32 acc9, 0; mov.b32 acc10, 0; mov.b32 acc11, 0; mov.b32 acc12, 0; mov.b32 acc13, 0; mov.b32 acc14, 0; mov.b32 acc15, 0; "
        + "mov.b32 acc16, 0; mov.b32 acc17, 0; mov.b32 acc18, 0; mov.b32 acc19, 0; mov.b32 acc20, 0; mov.b32 acc21, 0; mov.b32 acc22, 0; mov.b32 acc23, 0; "
        + "mov.b32 acc24, 0; mov.b32 acc25, 0; mov.b32 acc26, 0; mov.b32 acc27, 0; mov.b32 acc28, 0; mov.b32 acc29, 0; mov.b32 acc30, 0; mov.b32 acc31, 0; "
        + "mov.b32 acc32, 0; mov.b32 acc33, 0; mov.b32 acc34, 0; mov.b32 acc35, 0; mov.b32 acc36, 0; mov.b32 acc37, 0; mov.b32 acc38, 0; mov.b32 acc39, 0; "
        + "mov.b32 acc40, 0; mov.b32 acc41, 0; mov.b32 acc42, 0; mov.b32 acc43, 0; mov.b32 acc44, 0; mov.b32 acc45, 0; mov.b32 acc46, 0; mov.b32 acc47, 0; "
        + "mov.b32 acc48, 0; mov.b32 acc49, 0; mov.b32 acc50, 0; mov.b32 acc51, 0; mov.b32 acc52, 0; mov.b32 acc53, 0; mov.b32 acc54, 0; mov.b32 acc55, 0; "
        + "mov.b32 acc56, 0; mov.b32 acc57, 0; mov.b32 acc58, 0; mov.b32 acc59, 0; mov.b32 acc60, 0; mov.b32 acc61, 0; mov.b32 acc62, 0; mov.b32 acc63, 0; ";
}
