namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// ldmatrix and mma, element by element as the PTX ISA describes the fragments ("Matrix Fragments for mma.m16n8k8", "mma.m16n8k16 with
/// floating point type", "mma.m16n8k32", and "ldmatrix").
/// </summary>
internal static class MatrixInstructions
{
    private const uint All = uint.MaxValue;

    /// <summary>ldmatrix: lanes 8i … 8i+7 name the rows of matrix i; lane l gets the l-th pair of 16-bit elements, of rows or (transposed) of columns.</summary>
    public static Action<Warp, uint>? Load(string name, Operand[] operands)
    {
        int count = name.Contains(".x4.", StringComparison.Ordinal) ? 4 : name.Contains(".x2.", StringComparison.Ordinal) ? 2 : 1;
        bool transposed = name.Contains(".trans.", StringComparison.Ordinal);
        if (name.Replace(".trans", "", StringComparison.Ordinal) != $"ldmatrix.sync.aligned.m8n8.x{count}.shared.b16")
            return null;
        int[] targets = operands[0].Vector ?? [operands[0].Register];
        if (targets.Length != count)
            throw new PtxException($"{name} with {targets.Length} registers.");
        return (warp, mask) =>
        {
            RequireAll(name, mask);
            for (int matrix = 0; matrix < count; matrix++)
            {
                var elements = new ushort[8, 8];
                for (int row = 0; row < 8; row++)
                {
                    var at = warp.Block.Shared.At((uint)warp.Read(operands[1], matrix * 8 + row), 16, 16);
                    for (int column = 0; column < 8; column++)
                        elements[row, column] = (ushort)Memory.Read(at.Slice(2 * column, 2));
                }
                for (int lane = 0; lane < Warp.Lanes; lane++)
                {
                    int row = lane / 4, column = lane % 4 * 2;
                    uint low = transposed ? elements[column, row] : elements[row, column];
                    uint high = transposed ? elements[column + 1, row] : elements[row, column + 1];
                    warp[targets[matrix], lane] = low | high << 16;
                }
            }
        };
    }

    /// <summary>mma: D = A·B + C for one warp. Sums here are exact up to one rounding; the hardware's order of summation is not specified.</summary>
    public static Action<Warp, uint>? Multiply(string name, Operand[] operands)
    {
        const string prefix = "mma.sync.aligned.", halfType = "m16n8k16.row.col.f32.f16.f16.f32", brainType = "m16n8k16.row.col.f32.bf16.bf16.f32",
            tf32Type = "m16n8k8.row.col.f32.tf32.tf32.f32", int8Type = "m16n8k32.row.col.s32.s8.s8.s32";
        if (!name.StartsWith(prefix, StringComparison.Ordinal))
            return null;
        string type = name[prefix.Length..];
        int[] d = operands[0].Vector!, a = operands[1].Vector!, b = operands[2].Vector!, c = operands[3].Vector!;
        if (d.Length != 4 || a.Length != 4 || b.Length != 2 || c.Length != 4)
            throw new PtxException($"{name}: the number of registers does not fit.");
        return type switch
        {
            halfType => (warp, mask) => Run(name, warp, mask, d, c, 16, Fragment16(warp, a, b, bits => (double)BitConverter.UInt16BitsToHalf(bits)), false),
            brainType => (warp, mask) => Run(name, warp, mask, d, c, 16, Fragment16(warp, a, b, bits => Conversions.FromBrainFloat(bits)), false),
            tf32Type => (warp, mask) => Run(name, warp, mask, d, c, 8, FragmentTf32(warp, a, b), false),
            int8Type => (warp, mask) => Run(name, warp, mask, d, c, 32, FragmentInt8(warp, a, b), true),
            _ => null,
        };
    }

    private static (double[,] A, double[,] B) Fragment16(Warp warp, int[] a, int[] b, Func<ushort, double> value)
    {
        double[,] left = new double[16, 16], right = new double[16, 8];
        for (int lane = 0; lane < Warp.Lanes; lane++)
        {
            int group = lane >> 2, thread = lane % 4;
            double Element(int[] registers, int i) => value((ushort)(warp[registers[i / 2], lane] >> (i % 2 * 16)));
            for (int i = 0; i < 8; i++)
            {
                int row = i is < 2 or (>= 4 and < 6) ? group : group + 8;
                int column = thread * 2 + (i & 1) + (i < 4 ? 0 : 8);
                left[row, column] = Element(a, i);
            }
            for (int i = 0; i < 4; i++)
                right[thread * 2 + (i & 1) + (i < 2 ? 0 : 8), group] = Element(b, i);
        }
        return (left, right);
    }

    private static (double[,] A, double[,] B) FragmentTf32(Warp warp, int[] a, int[] b)
    {
        double[,] left = new double[16, 8], right = new double[8, 8];
        for (int lane = 0; lane < Warp.Lanes; lane++)
        {
            int group = lane >> 2, thread = lane % 4;
            // The lower 13 bits don't take part.
            double Element(int register) => ScalarInstructions.Value(warp[register, lane] & ~0x1FFFul);
            for (int i = 0; i < 4; i++)
                left[i is 0 or 2 ? group : group + 8, i is 0 or 1 ? thread : thread + 4] = Element(a[i]);
            for (int i = 0; i < 2; i++)
                right[i == 0 ? thread : thread + 4, group] = Element(b[i]);
        }
        return (left, right);
    }

    private static (double[,] A, double[,] B) FragmentInt8(Warp warp, int[] a, int[] b)
    {
        double[,] left = new double[16, 32], right = new double[32, 8];
        for (int lane = 0; lane < Warp.Lanes; lane++)
        {
            int group = lane >> 2, thread = lane % 4;
            double Element(int[] registers, int i) => (sbyte)(warp[registers[i / 4], lane] >> (i % 4 * 8));
            for (int i = 0; i < 16; i++)
            {
                int row = i is < 4 or (>= 8 and < 12) ? group : group + 8;
                int column = thread * 4 + (i & 3) + (i < 8 ? 0 : 16);
                left[row, column] = Element(a, i);
            }
            for (int i = 0; i < 8; i++)
                right[thread * 4 + (i & 3) + (i < 4 ? 0 : 16), group] = Element(b, i);
        }
        return (left, right);
    }

    private static void Run(string name, Warp warp, uint mask, int[] d, int[] c, int depth, (double[,] A, double[,] B) fragments, bool integer)
    {
        RequireAll(name, mask);
        var (left, right) = fragments;
        for (int lane = 0; lane < Warp.Lanes; lane++)
        {
            for (int i = 0; i < 4; i++)
            {
                int row = (lane >> 2) + (i < 2 ? 0 : 8), column = lane % 4 * 2 + (i & 1);
                double sum = integer ? (int)warp[c[i], lane] : ScalarInstructions.Value(warp[c[i], lane]);
                for (int k = 0; k < depth; k++)
                    sum += left[row, k] * right[k, column];
                warp[d[i], lane] = integer ? (uint)(int)sum : ScalarInstructions.Bits((float)sum);
            }
        }
    }

    private static void RequireAll(string name, uint mask)
    {
        if (mask != All)
            throw new PtxException($"{name} needs all lanes of a warp; {mask:X8} arrived.");
    }
}
