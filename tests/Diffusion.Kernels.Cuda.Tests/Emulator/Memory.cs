using System.Buffers.Binary;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>Memory that refuses what the hardware would: places outside, and addresses that aren't multiples of the access's size.</summary>
internal sealed class Memory(string name, ulong start, byte[] bytes)
{
    /// <summary>First address.</summary>
    public ulong Start => start;

    /// <summary>The content.</summary>
    public byte[] Bytes => bytes;

    /// <summary>Whether an address lies inside.</summary>
    public bool Holds(ulong address) => address >= start && address < start + (ulong)bytes.Length;

    /// <summary>The bytes of one access.</summary>
    /// <param name="address">Address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="alignment">What the address must be a multiple of.</param>
    public Span<byte> At(ulong address, int length, int alignment)
    {
        if (address % (ulong)alignment != 0)
            throw new PtxException($"{name}: {address - start} (address {address:X}) is not a multiple of {alignment}.");
        if (address < start || address - start + (ulong)length > (ulong)bytes.Length)
            throw new PtxException($"{name}: {length} bytes at {(long)(address - start)} are outside its {bytes.Length} bytes.");
        return bytes.AsSpan((int)(address - start), length);
    }

    /// <summary>A number of 1, 2, 4 or 8 bytes.</summary>
    public static ulong Read(ReadOnlySpan<byte> at) => at.Length switch
    {
        1 => at[0],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(at),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(at),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(at),
    };

    /// <summary>Writes a number of 1, 2, 4 or 8 bytes.</summary>
    public static void Write(Span<byte> at, ulong value)
    {
        for (int i = 0; i < at.Length; i++)
            at[i] = (byte)(value >> (8 * i));
    }
}

/// <summary>Device memory: buffers far from each other.</summary>
internal sealed class GlobalMemory
{
    private readonly List<Memory> buffers = [];

    /// <summary>Makes a buffer that starts so many bytes behind a multiple of 256.</summary>
    public Memory Add(string name, byte[] bytes, int misalignment = 0)
    {
        var memory = new Memory(name, 0x7F00_0000_0000 + ((ulong)buffers.Count << 33) + (ulong)misalignment, bytes);
        buffers.Add(memory);
        return memory;
    }

    /// <summary>The bytes of one access.</summary>
    public Span<byte> At(ulong address, int length, int alignment) =>
        (buffers.Find(b => b.Holds(address)) ?? throw new PtxException($"Global address {address:X} is in no buffer.")).At(address, length, alignment);
}
