using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Core.Formats;

namespace Diffusion.Core.Weights;

/// <summary>
/// The identity of a model's weights: a SHA-256 that is computed when it is first asked for, and then kept.
/// </summary>
/// <remarks>
/// Of one file it is the file's own SHA-256, as published beside it. Of several it is the SHA-256 of lines
/// <c>sha256  name</c> in ordinal order of the names: what <c>sha256sum</c> prints. Names are relative to the model and written
/// with <c>/</c>, so the folder's place doesn't matter.
/// </remarks>
public sealed class ModelHash
{
    private readonly Lazy<string> _hex;

    private ModelHash(Func<string> compute) => _hex = new Lazy<string>(compute);

    /// <summary>The hash as 64 lower-case hexadecimal digits. The first call reads all the files.</summary>
    /// <exception cref="CheckpointException">A file can't be read.</exception>
    public string Hex => _hex.Value;

    /// <summary>The first ten digits: what pictures and people quote.</summary>
    /// <exception cref="CheckpointException">A file can't be read.</exception>
    public string Short => Hex[..10];

    /// <summary>The hash of one file.</summary>
    public static ModelHash OfFile(string path) => new(() => HashFile(path));

    /// <summary>The hash of several files by their names relative to the model.</summary>
    /// <param name="files">Names with <c>/</c>, e.g. <c>unet/diffusion_pytorch_model.safetensors</c>, and paths.</param>
    public static ModelHash OfFiles(IEnumerable<KeyValuePair<string, string>> files)
    {
        var ordered = files.OrderBy(file => file.Key, StringComparer.Ordinal).ToImmutableArray();
        return new ModelHash(() => Convert.ToHexStringLower(SHA256.HashData(
            Encoding.UTF8.GetBytes(string.Concat(ordered.Select(file => $"{HashFile(file.Value)}  {file.Key}\n"))))));
    }

    /// <inheritdoc/>
    public override string ToString() => Hex;

    private static string HashFile(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, "", $"can't be read for the model's hash. {error.Message}", error);
        }
    }
}
