using System.Buffers.Binary;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>Memory that refuses what the hardware would: places outside, and addresses that aren't multiples of the access's size.</summary>
internal sealed unsafe class Memory
{
    private readonly string name;
    private readonly ulong length;
    private readonly byte* native;

    /// <summary>Memory of the emulator's own.</summary>
    public Memory(string name, ulong start, byte[] bytes) => (this.name, Start, Bytes, length) = (name, start, bytes, (ulong)bytes.Length);

    /// <summary>Memory of the process, under its own address.</summary>
    public Memory(string name, nint start, long length)
    {
        (this.name, Start, Bytes, this.length) = (name, (ulong)start, [], (ulong)length);
        native = (byte*)start;
    }

    /// <summary>First address.</summary>
    public ulong Start { get; }

    /// <summary>The content of memory of the emulator's own.</summary>
    public byte[] Bytes { get; }

    /// <summary>Whether an address lies inside.</summary>
    public bool Holds(ulong address) => address >= Start && address - Start < length;

    /// <summary>The bytes of one access.</summary>
    /// <param name="address">Address.</param>
    /// <param name="count">Bytes.</param>
    /// <param name="alignment">What the address must be a multiple of.</param>
    public Span<byte> At(ulong address, int count, int alignment)
    {
        if (address % (ulong)alignment != 0)
            throw new PtxException($"{name}: {(long)(address - Start)} (address {address:X}) is not a multiple of {alignment}.");
        if (address < Start || address - Start + (ulong)count > length)
            throw new PtxException($"{name}: {count} bytes at {(long)(address - Start)} are outside its {length} bytes.");
        return native == null ? Bytes.AsSpan((int)(address - Start), count) : new Span<byte>((void*)address, count);
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

    /// <summary>Admits memory of the process.</summary>
    public void Admit(nint start, long length)
    {
        if (buffers.TrueForAll(b => b.Start != (ulong)start))
            buffers.Add(new Memory("device memory", start, length));
    }

    /// <summary>The bytes of one access.</summary>
    public Span<byte> At(ulong address, int length, int alignment)
    {
        foreach (var buffer in buffers)
        {
            if (buffer.Holds(address))
                return buffer.At(address, length, alignment);
        }
        throw new PtxException($"Global address {address:X} is in no buffer.");
    }
}
