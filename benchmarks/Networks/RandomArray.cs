using System.Runtime.InteropServices;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Networks;

/// <summary>Random numbers in memory that doesn't move, so that we and the peer can read the same ones.</summary>
/// <param name="Values">The numbers, row-major, or with the second axis innermost; see <see cref="Lines"/>.</param>
/// <param name="Shape">The shape.</param>
/// <param name="IsChannelsLast">Whether [N, C, H, W] lies in memory as [N, H, W, C].</param>
internal sealed record RandomArray(ArraySegment<float> Values, Shape Shape, bool IsChannelsLast = false)
{
    /// <summary>Uniform in −scale … scale.</summary>
    public static RandomArray Uniform(uint seed, float scale, params int[] lengths)
    {
        var shape = new Shape([.. lengths]);
        var memory = Lines(checked((int)shape.Count));
        var values = memory.AsSpan();
        // Marsaglia's xorshift: nearly a thousand million numbers are wanted, and only their size matters.
        uint state = seed * 2654435769u | 1;
        float unit = scale / int.MaxValue;
        for (int i = 0; i < values.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            values[i] = (int)state * unit;
        }
        return new RandomArray(memory, shape);
    }

    /// <summary>Memory that doesn't move and begins with a cache line, as each library's own does: half of all vectors would lie in two otherwise.</summary>
    public static ArraySegment<float> Lines(int count)
    {
        const int line = 64 / sizeof(float);
        var array = GC.AllocateUninitializedArray<float>(checked(count + line), pinned: true);
        int past = (int)((nuint)Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) / sizeof(float) % line);
        return new ArraySegment<float>(array, line - past, count);
    }

    /// <summary>A weight of a size that keeps activations near 1: matrices by their inputs, gains around 1, biases small.</summary>
    public static RandomArray Weight(string name, int[] lengths)
    {
        uint seed = (uint)name.Aggregate(17, (h, c) => h * 31 + c);
        if (lengths.Length > 1)
            return Uniform(seed, MathF.Sqrt(3f / lengths.Skip(1).Aggregate(1, (a, b) => a * b)), lengths);
        var vector = Uniform(seed, 0.1f, lengths);
        if (name.Contains("norm", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal))
        {
            foreach (ref float value in vector.Values.AsSpan())
                value += 1;
        }
        return vector;
    }

    /// <summary>A tensor over this memory that never changes.</summary>
    public Tensor Constant(Device device) => Map(device, constant: true);

    /// <summary>A tensor over this memory that might change: an input.</summary>
    public Tensor Input(Device device) => Map(device, constant: false);

    /// <summary>The same numbers, taken to lie channels-last where they have four axes.</summary>
    public RandomArray AsChannelsLast() => this with { IsChannelsLast = Shape.Rank == 4 };

    /// <summary>The shape in the order of memory.</summary>
    public Shape Stored => IsChannelsLast ? Shape.Of(Shape[0], Shape[2], Shape[3], Shape[1]) : Shape;

    private Tensor Map(Device device, bool constant)
    {
        var stored = Tensor.Map(Marshal.UnsafeAddrOfPinnedArrayElement(Values.Array!, Values.Offset), (long)Values.Count * sizeof(float), ElementType.Float32, Stored, Values.Array!, device, constant);
        return IsChannelsLast ? stored.Permute(0, 3, 1, 2).Realize() : stored;
    }
}
