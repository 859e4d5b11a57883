using Microsoft.Win32.SafeHandles;

namespace Diffusion.Core.Formats;

/// <summary>
/// A safetensors file: its header is read and checked when it is opened, its tensors are mapped into memory and read on demand.
/// </summary>
/// <remarks>
/// Dispose closes the file. Bytes that were leased before stay valid until their lease is disposed. Values may be NaN or infinite:
/// <see cref="CountNonFinite"/> tells.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    private readonly MappedFile _map;

    private SafetensorsFile(MappedFile map, SafetensorsHeader header)
    {
        _map = map;
        Header = header;
    }

    /// <summary>The file's path as it was given.</summary>
    public string Path => _map.Path;

    /// <summary>What is in the file.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>The tensors' names in the order of their bytes.</summary>
    public IEnumerable<string> Names => Header.Entries.Select(entry => entry.Name);

    /// <summary>Opens a file: reads and checks the header and maps the rest.</summary>
    /// <param name="path">The file's path.</param>
    /// <exception cref="CheckpointException">The file is absent, or isn't a well-formed safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        var header = ReadHeader(path);
        var map = MappedFile.Open(path);
        var expected = header.DataOffset + header.Entries.Sum(entry => entry.ByteLength);
        if (map.Length == expected)
            return new SafetensorsFile(map, header);

        map.Dispose();
        throw new CheckpointException(path, "", $"changed while it was opened: it has {map.Length} bytes, its header says {expected}.");
    }

    /// <summary>Reads and checks a file's header only.</summary>
    /// <param name="path">The file's path.</param>
    /// <exception cref="CheckpointException">The file is absent, or isn't a well-formed safetensors file.</exception>
    public static SafetensorsHeader ReadHeader(string path)
    {
        ArgumentNullException.ThrowIfNull(path);

        // Plain reads, not the map: a file that is cut off meanwhile is then an error and not the end of the process.
        using var file = MappedFile.OpenHandle(path);
        try
        {
            var fileLength = RandomAccess.GetLength(file);
            var prefix = ReadExactly(file, path, 0, (int)Math.Min(fileLength, SafetensorsHeader.PrefixLength));
            var length = SafetensorsHeader.ReadLength(prefix, fileLength, path);
            var json = ReadExactly(file, path, SafetensorsHeader.PrefixLength, length);
            return SafetensorsHeaderParser.Parse(json, fileLength - SafetensorsHeader.PrefixLength - length, path);
        }
        catch (IOException error)
        {
            throw new CheckpointException(path, "", $"can't be read. {error.Message}", error);
        }
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => Header.Contains(name);

    /// <summary>What the header says about a tensor.</summary>
    /// <exception cref="CheckpointException">There is no tensor of that name.</exception>
    public SafetensorsEntry Entry(string name) => Header.Find(name)
        ?? throw new CheckpointException(Path, $"tensor {CheckpointException.Quote(name)}", $"isn't in the file, which has {Header.Entries.Length} tensors.");

    /// <summary>A tensor's bytes, little-endian and row-major, without a copy. Dispose the lease to let go of them.</summary>
    /// <exception cref="CheckpointException">There is no tensor of that name, or the file was cut off meanwhile.</exception>
    public MemoryLease Lease(string name)
    {
        var entry = Entry(name);
        return _map.Lease(Header.DataOffset + entry.Begin, entry.ByteLength);
    }

    /// <summary>A tensor's elements widened or rounded to float32.</summary>
    /// <inheritdoc cref="ToInt64s"/>
    public float[] ToFloats(string name) => Read(name, Elements.ToFloats);

    /// <summary>A tensor's elements as float64.</summary>
    /// <inheritdoc cref="ToInt64s"/>
    public double[] ToDoubles(string name) => Read(name, Elements.ToDoubles);

    /// <summary>The elements of a tensor of whole numbers or truth values (0 and 1).</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>The elements, row-major.</returns>
    /// <exception cref="CheckpointException">There is no tensor of that name, or the file was cut off meanwhile.</exception>
    /// <exception cref="InvalidOperationException">Integers were asked for, but the tensor holds floats.</exception>
    /// <exception cref="NotSupportedException">The element kind can't be read as numbers.</exception>
    public long[] ToInt64s(string name) => Read(name, Elements.ToInt64s);

    /// <summary>How many elements of a tensor are NaN or infinite: not an error of the file, but seldom meant.</summary>
    /// <inheritdoc cref="ToInt64s"/>
    public long CountNonFinite(string name) => ToDoubles(name).LongCount(value => !double.IsFinite(value));

    /// <summary>Closes the file.</summary>
    public void Dispose() => _map.Dispose();

    private T[] Read<T>(string name, Func<MemoryLease, SafetensorsDtype, long, string, T[]> read)
    {
        var entry = Entry(name);
        using var bytes = Lease(name);
        return read(bytes, entry.Dtype, entry.ElementCount, $"{Path}: tensor {CheckpointException.Quote(name)}");
    }

    private static byte[] ReadExactly(SafeFileHandle file, string path, long offset, int length)
    {
        var bytes = new byte[length];
        for (var done = 0; done < length;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(done), offset + done);
            if (read == 0)
                throw new CheckpointException(path, "", $"ended at byte {offset + done} while it was read.");

            done += read;
        }

        return bytes;
    }
}
