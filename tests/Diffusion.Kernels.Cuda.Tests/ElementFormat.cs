using System.Runtime.InteropServices;
using Diffusion.Kernels.Cuda.Tests.Emulator;

namespace Diffusion.Kernels.Cuda.Tests;

/// <summary>Test data in an operand's type.</summary>
/// <param name="Mma">The kernel's type parameter.</param>
/// <param name="Size">Bytes of an element.</param>
/// <param name="Error">How far a sum may be off, as a share of the sum of its terms' magnitudes.</param>
internal sealed record ElementFormat(Type Mma, int Size, double Error)
{
    /// <summary>The format of a type parameter, by its name.</summary>
    public static ElementFormat Of(string mma) => mma switch
    {
        nameof(Float16Mma) => new(typeof(Float16Mma), 2, 2e-6),
        nameof(BFloat16Mma) => new(typeof(BFloat16Mma), 2, 2e-6),
        // Each operand loses half a unit of its 10 bits of fraction.
        nameof(TensorFloat32Mma) => new(typeof(TensorFloat32Mma), 4, 1.0 / 1024),
        nameof(SplitFloat32Mma) => new(typeof(SplitFloat32Mma), 4, 2e-6),
        _ => new(typeof(Int8Mma), 1, 0),
    };

    /// <summary>Numbers that the type holds exactly.</summary>
    public double[] Random(Random random, int count)
    {
        var values = new double[count];
        for (int i = 0; i < count; i++)
            values[i] = Value(random.NextDouble() * 4 - 2, random);
        return values;
    }

    /// <summary>The numbers' bytes.</summary>
    public byte[] Pack(double[] values) => Mma.Name switch
    {
        nameof(Float16Mma) => Bytes(values.Select(v => BitConverter.HalfToUInt16Bits((Half)v)).ToArray()),
        nameof(BFloat16Mma) => Bytes(values.Select(v => Conversions.BrainFloat((float)v)).ToArray()),
        nameof(TensorFloat32Mma) or nameof(SplitFloat32Mma) => Bytes(values.Select(v => (float)v).ToArray()),
        _ => Bytes(values.Select(v => (sbyte)v).ToArray()),
    };

    private double Value(double uniform, Random random) => Mma.Name switch
    {
        nameof(Float16Mma) => (double)(Half)uniform,
        nameof(BFloat16Mma) => Conversions.FromBrainFloat(Conversions.BrainFloat((float)uniform)),
        nameof(TensorFloat32Mma) or nameof(SplitFloat32Mma) => (float)uniform,
        _ => random.Next(-128, 128),
    };

    private static byte[] Bytes<T>(T[] values)
        where T : struct => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}

/// <summary>A tile's numbers, read off its type.</summary>
internal sealed record TileShape(Type Type, int Rows, int Columns, int Threads, int SharedBytes)
{
    /// <summary>The tile of a name.</summary>
    public static TileShape Of(string name) => name == nameof(LargeTile) ? Of<LargeTile>() : Of<SmallTile>();

    private static TileShape Of<TTile>()
        where TTile : struct, IMmaTile => new(typeof(TTile), TTile.Rows, TTile.Columns, TTile.Threads, MmaTile.SharedBytes<TTile>());
}
