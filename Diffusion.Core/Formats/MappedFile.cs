using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Diffusion.Core.Formats;

/// <summary>A file mapped into memory for reading, its pages loaded by the system when they are first touched.</summary>
/// <remarks>
/// The file is opened with a shared read lock. A program that ignores the lock can still cut the file off, and touching a page
/// that no longer exists ends the process; so every access compares the length now with the length at opening first.
/// </remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    private MappedFile(string path, SafeFileHandle file, MemoryMappedFile map, MemoryMappedViewAccessor view, long length)
    {
        Path = path;
        Length = length;
        _file = file;
        _map = map;
        _view = view;
    }

    public string Path { get; }

    public long Length { get; }

    /// <summary>Opens and maps a file of at least one byte.</summary>
    public static MappedFile Open(string path)
    {
        var file = OpenHandle(path);
        try
        {
            var length = RandomAccess.GetLength(file);
            var map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            try
            {
                return new MappedFile(path, file, map, map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read), length);
            }
            catch
            {
                map.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or ArgumentException or UnauthorizedAccessException)
        {
            file.Dispose();
            throw new CheckpointException(path, "", $"can't be mapped into memory. {error.Message}", error);
        }
    }

    /// <summary>Opens a file of at least one byte for reading. Pipes and devices have no length and are refused without opening them.</summary>
    public static SafeFileHandle OpenHandle(string path)
    {
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists)
            {
                throw new CheckpointException(path, "", Directory.Exists(path)
                    ? "is a folder, expected a file."
                    : "there is no such file.");
            }

            var target = info.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? info;
            return target.Length > 0
                ? File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read)
                : throw new CheckpointException(path, "", "is empty (0 bytes) or no regular file. Was the download cut off?");
        }
        catch (Exception error) when (error is IOException or ArgumentException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException(path, "", $"can't be opened. {error.Message}", error);
        }
    }

    /// <summary>Bytes of the map that stay valid until the lease is disposed, even when this object is disposed before.</summary>
    public MemoryLease Lease(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(_file.IsClosed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        var now = RandomAccess.GetLength(_file);
        if (now < Length)
        {
            throw new CheckpointException(
                Path, "", $"has {now} bytes now but had {Length} when it was opened: another program cut it off. Load the model again.");
        }

        var view = _view.SafeMemoryMappedViewHandle;
        byte* start = null;
        view.AcquirePointer(ref start);
        return MemoryLease.Over(start + _view.PointerOffset + offset, length, view.ReleasePointer, MappedPages.Forget);
    }

    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
        _file.Dispose();
    }
}
