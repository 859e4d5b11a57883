namespace Diffusion.Core.Formats;

/// <summary>
/// Read-only bytes that stay at one address until this lease is disposed, or collected when nobody disposes it: how a tensor is
/// built over a mapped file without a copy. The bytes may outlive the file object that they came from.
/// </summary>
public sealed unsafe class MemoryLease : IDisposable
{
    private readonly byte* _pointer;
    private readonly Action<nint, long>? _forget;
    private Action? _release;

    private MemoryLease(byte* pointer, long length, Action release, Action<nint, long>? forget = null)
    {
        _pointer = pointer;
        Length = length;
        _release = release;
        _forget = forget;
    }

    /// <summary>Gives the memory back if nobody disposed the lease.</summary>
    ~MemoryLease() => Release();

    /// <summary>The number of bytes.</summary>
    public long Length { get; }

    /// <summary>The address of the first byte. Valid while this lease lives: keep it reachable. No alignment is promised.</summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_release is null, this);
            return _pointer;
        }
    }

    /// <summary>The bytes as a span, for up to 2³¹−1 bytes. Valid while this lease lives.</summary>
    /// <exception cref="InvalidOperationException">There are more bytes than a span can hold: use <see cref="Slice"/>.</exception>
    public ReadOnlySpan<byte> Span => Length <= int.MaxValue
        ? new ReadOnlySpan<byte>(Pointer, (int)Length)
        : throw new InvalidOperationException($"{Length} bytes don't fit in one span: read them in parts with Slice.");

    /// <summary>A part of the bytes as a span.</summary>
    /// <param name="offset">The first byte, from 0.</param>
    /// <param name="length">The number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part isn't inside the lease.</exception>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length, nameof(offset));
        return new ReadOnlySpan<byte>(Pointer + offset, length);
    }

    /// <summary>A lease over managed memory, which is pinned as long as the lease lives.</summary>
    public static MemoryLease Over(ReadOnlyMemory<byte> bytes)
    {
        var handle = bytes.Pin();
        return new MemoryLease((byte*)handle.Pointer, bytes.Length, handle.Dispose);
    }

    /// <summary>A part of this lease's bytes as a lease, which takes this one over: dispose only the part.</summary>
    internal MemoryLease Part(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length, nameof(offset));
        return new MemoryLease(Pointer + offset, length, Dispose, _forget);
    }

    /// <summary>A lease over memory that <paramref name="release"/> gives back.</summary>
    /// <param name="pointer">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <param name="release">Gives the memory back.</param>
    /// <param name="forget">Tells the system that some of the bytes, which it can read again, aren't needed soon: address and length.</param>
    internal static MemoryLease Over(byte* pointer, long length, Action release, Action<nint, long>? forget = null) => new(pointer, length, release, forget);

    /// <summary>
    /// Lets the system take back the memory behind the bytes where it can read them again from a file. They stay valid; touching them
    /// reads them again.
    /// </summary>
    internal void Forget()
    {
        if (_release is not null)
            _forget?.Invoke((nint)_pointer, Length);
    }

    /// <summary>Gives the memory back. Spans and pointers from this lease must not be used any more.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
