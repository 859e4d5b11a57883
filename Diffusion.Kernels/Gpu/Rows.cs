using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>Eight numbers in registers: local arrays would go to memory, since ILGPU unrolls no loops.</summary>
internal struct Row8
{
    public float V0, V1, V2, V3, V4, V5, V6, V7;

    /// <summary>Every <paramref name="step"/>-th number from a place.</summary>
    public static Row8 Load(ArrayView<float> from, int at, int step) => new()
    {
        V0 = from[at],
        V1 = from[at + step],
        V2 = from[at + 2 * step],
        V3 = from[at + 3 * step],
        V4 = from[at + 4 * step],
        V5 = from[at + 5 * step],
        V6 = from[at + 6 * step],
        V7 = from[at + 7 * step],
    };

    /// <summary>Puts them at every <paramref name="step"/>-th place.</summary>
    public readonly void Store(ArrayView<float> to, int at, int step)
    {
        to[at] = V0;
        to[at + step] = V1;
        to[at + 2 * step] = V2;
        to[at + 3 * step] = V3;
        to[at + 4 * step] = V4;
        to[at + 5 * step] = V5;
        to[at + 6 * step] = V6;
        to[at + 7 * step] = V7;
    }

    /// <summary>this + a·b.</summary>
    public readonly Row8 Plus(float a, Row8 b) => new()
    {
        V0 = V0 + a * b.V0,
        V1 = V1 + a * b.V1,
        V2 = V2 + a * b.V2,
        V3 = V3 + a * b.V3,
        V4 = V4 + a * b.V4,
        V5 = V5 + a * b.V5,
        V6 = V6 + a * b.V6,
        V7 = V7 + a * b.V7,
    };

    /// <summary>this + a·b, where an a of 0 adds nothing even to NaN or infinity.</summary>
    public readonly Row8 PlusUnlessZero(float a, Row8 b) => new()
    {
        V0 = a != 0f ? V0 + a * b.V0 : V0,
        V1 = a != 0f ? V1 + a * b.V1 : V1,
        V2 = a != 0f ? V2 + a * b.V2 : V2,
        V3 = a != 0f ? V3 + a * b.V3 : V3,
        V4 = a != 0f ? V4 + a * b.V4 : V4,
        V5 = a != 0f ? V5 + a * b.V5 : V5,
        V6 = a != 0f ? V6 + a * b.V6 : V6,
        V7 = a != 0f ? V7 + a * b.V7 : V7,
    };

    /// <summary>All multiplied by a.</summary>
    public readonly Row8 Times(float a) => new()
    {
        V0 = V0 * a,
        V1 = V1 * a,
        V2 = V2 * a,
        V3 = V3 * a,
        V4 = V4 * a,
        V5 = V5 * a,
        V6 = V6 * a,
        V7 = V7 * a,
    };
}

/// <summary>Sixteen numbers in registers; two vectors on a processor.</summary>
internal struct Row16
{
    public float V0, V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12, V13, V14, V15;

    /// <summary>Adjacent numbers.</summary>
    public static Row16 Load(ArrayView<float> from, long at) => new()
    {
        V0 = from[at],
        V1 = from[at + 1],
        V2 = from[at + 2],
        V3 = from[at + 3],
        V4 = from[at + 4],
        V5 = from[at + 5],
        V6 = from[at + 6],
        V7 = from[at + 7],
        V8 = from[at + 8],
        V9 = from[at + 9],
        V10 = from[at + 10],
        V11 = from[at + 11],
        V12 = from[at + 12],
        V13 = from[at + 13],
        V14 = from[at + 14],
        V15 = from[at + 15],
    };

    /// <summary>Puts them side by side.</summary>
    public readonly void Store(ArrayView<float> to, long at)
    {
        to[at] = V0;
        to[at + 1] = V1;
        to[at + 2] = V2;
        to[at + 3] = V3;
        to[at + 4] = V4;
        to[at + 5] = V5;
        to[at + 6] = V6;
        to[at + 7] = V7;
        to[at + 8] = V8;
        to[at + 9] = V9;
        to[at + 10] = V10;
        to[at + 11] = V11;
        to[at + 12] = V12;
        to[at + 13] = V13;
        to[at + 14] = V14;
        to[at + 15] = V15;
    }

    /// <summary>this + a·b.</summary>
    public readonly Row16 Plus(float a, Row16 b) => new()
    {
        V0 = V0 + a * b.V0,
        V1 = V1 + a * b.V1,
        V2 = V2 + a * b.V2,
        V3 = V3 + a * b.V3,
        V4 = V4 + a * b.V4,
        V5 = V5 + a * b.V5,
        V6 = V6 + a * b.V6,
        V7 = V7 + a * b.V7,
        V8 = V8 + a * b.V8,
        V9 = V9 + a * b.V9,
        V10 = V10 + a * b.V10,
        V11 = V11 + a * b.V11,
        V12 = V12 + a * b.V12,
        V13 = V13 + a * b.V13,
        V14 = V14 + a * b.V14,
        V15 = V15 + a * b.V15,
    };

    /// <summary>All multiplied by a.</summary>
    public readonly Row16 Times(float a) => new()
    {
        V0 = V0 * a,
        V1 = V1 * a,
        V2 = V2 * a,
        V3 = V3 * a,
        V4 = V4 * a,
        V5 = V5 * a,
        V6 = V6 * a,
        V7 = V7 * a,
        V8 = V8 * a,
        V9 = V9 * a,
        V10 = V10 * a,
        V11 = V11 * a,
        V12 = V12 * a,
        V13 = V13 * a,
        V14 = V14 * a,
        V15 = V15 * a,
    };

    /// <summary>this + a·b, where an a of 0 adds nothing even to NaN or infinity.</summary>
    public readonly Row16 PlusUnlessZero(float a, Row16 b) => new()
    {
        V0 = a != 0f ? V0 + a * b.V0 : V0,
        V1 = a != 0f ? V1 + a * b.V1 : V1,
        V2 = a != 0f ? V2 + a * b.V2 : V2,
        V3 = a != 0f ? V3 + a * b.V3 : V3,
        V4 = a != 0f ? V4 + a * b.V4 : V4,
        V5 = a != 0f ? V5 + a * b.V5 : V5,
        V6 = a != 0f ? V6 + a * b.V6 : V6,
        V7 = a != 0f ? V7 + a * b.V7 : V7,
        V8 = a != 0f ? V8 + a * b.V8 : V8,
        V9 = a != 0f ? V9 + a * b.V9 : V9,
        V10 = a != 0f ? V10 + a * b.V10 : V10,
        V11 = a != 0f ? V11 + a * b.V11 : V11,
        V12 = a != 0f ? V12 + a * b.V12 : V12,
        V13 = a != 0f ? V13 + a * b.V13 : V13,
        V14 = a != 0f ? V14 + a * b.V14 : V14,
        V15 = a != 0f ? V15 + a * b.V15 : V15,
    };
}
