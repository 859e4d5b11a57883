using System.Buffers.Binary;
using System.Text;

namespace Diffusion.Core.Tests.Formats;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("diffusion-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, ReadOnlySpan<byte> bytes)
    {
        var path = File(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Safetensors(string header, int dataLength, string name = "x.safetensors") =>
        Write(name, Safetensors(Encoding.UTF8.GetBytes(header), dataLength));

    public static byte[] Safetensors(ReadOnlySpan<byte> header, int dataLength) =>
        Safetensors((ulong)header.Length, header, dataLength);

    public static byte[] Safetensors(ulong length, ReadOnlySpan<byte> header, int dataLength)
    {
        var bytes = new byte[sizeof(ulong) + header.Length + dataLength];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        header.CopyTo(bytes.AsSpan(sizeof(ulong)));
        for (var i = sizeof(ulong) + header.Length; i < bytes.Length; i++)
            bytes[i] = (byte)(i * 7);

        return bytes;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
