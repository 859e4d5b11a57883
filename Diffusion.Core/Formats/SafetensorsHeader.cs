using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Diffusion.Core.Formats;

/// <summary>The header of a safetensors file: what is in it and where.</summary>
/// <remarks>
/// The format (github.com/huggingface/safetensors): 8 bytes with the header's length, a JSON object, then the tensors' bytes without
/// holes. Reading is as strict as the reference reader, and stricter where its documentation is: duplicate names are refused.
/// </remarks>
public sealed class SafetensorsHeader
{
    /// <summary>The longest header that is read, in bytes; the limit of the reference reader.</summary>
    public const long MaxLength = 100_000_000;

    internal const int PrefixLength = sizeof(ulong);

    // Never changed. A FrozenDictionary takes seconds to build for a header of a million names.
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    internal SafetensorsHeader(
        ImmutableArray<SafetensorsEntry> entries, ImmutableDictionary<string, string> metadata, long dataOffset)
    {
        Entries = entries;
        Metadata = metadata;
        DataOffset = dataOffset;
        _byName = entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
    }

    /// <summary>The tensors in the order of their bytes.</summary>
    public ImmutableArray<SafetensorsEntry> Entries { get; }

    /// <summary>The free text entries of <c>__metadata__</c>, e.g. <c>format</c> = <c>pt</c>.</summary>
    public ImmutableDictionary<string, string> Metadata { get; }

    /// <summary>Where the tensors' bytes begin in the file.</summary>
    public long DataOffset { get; }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    internal SafetensorsEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>
    /// Reads the header's length from a file's first bytes, checked against the size of the file. Nothing is allocated before that.
    /// </summary>
    internal static int ReadLength(ReadOnlySpan<byte> start, long fileLength, string file)
    {
        if (start.Length < PrefixLength)
        {
            throw new CheckpointException(file, "", $"the file has {fileLength} bytes, too few for a safetensors file. "
                + "It must begin with 8 bytes that hold the header's length. Was the download cut off?");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > MaxLength || length > (ulong)(fileLength - PrefixLength))
        {
            var limit = Math.Min(MaxLength, fileLength - PrefixLength);
            throw new CheckpointException(file, "header length", $"{length} bytes, but at most {limit} are possible in a file of {fileLength} bytes. "
                + WhatItLooksLike(start));
        }

        return length == 0
            ? throw new CheckpointException(file, "header length", "0, but a header is at least {}.")
            : (int)length;
    }

    // People often end up with something else under a .safetensors name; say so instead of "bad length".
    private static string WhatItLooksLike(ReadOnlySpan<byte> start) => start switch
    {
        _ when start.StartsWith("GGUF"u8) => "This is a GGUF file, not safetensors: convert it.",
        _ when start.StartsWith("version "u8) => "This is a Git LFS pointer, not the weights: run 'git lfs pull'.",
        _ when start.StartsWith("<"u8) => "This is a web page, not the weights: download the file itself.",
        _ when start.StartsWith("PK"u8) => "This is a zip archive, perhaps a PyTorch checkpoint: convert it to safetensors.",
        _ when start[0] == 0x80 => "This may be a Python pickle: convert it to safetensors.",
        _ when start.StartsWith("{"u8) => "This begins with JSON: the 8 bytes of the header's length are missing.",
        _ => $"The file is cut off or not safetensors (it begins with {Convert.ToHexString(start)}).",
    };

}
