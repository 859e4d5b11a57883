using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Diffusion.Core.Formats;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Formats;

public sealed class SafetensorsTests : IDisposable
{
    private static readonly byte[] ValidBytes = Valid();

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Every_kind_has_its_header_name()
    {
        foreach (var dtype in Enum.GetValues<SafetensorsDtype>())
            Assert.Equal(dtype, SafetensorsDtypes.Parse(dtype.HeaderName()));

        Assert.Equal(22, Enum.GetValues<SafetensorsDtype>().Length);
        Assert.Throws<ArgumentException>(() => SafetensorsDtypes.Parse("f32"));
    }

    [Property(MaxTest = 60)]
    public void What_was_written_is_read(float[] floats, long[] integers, NonNull<string> name, NonNull<string> text)
    {
        // Lone surrogates can't be written as UTF-8; they are another test's concern.
        var label = "t " + Printable(name.Get);
        var path = _folder.File("x.safetensors");
        SafetensorsWriter.Save(
            path,
            [TensorBytes.OfFloats(label, [floats.Length], floats), TensorBytes.OfInt64s("i", [1, integers.Length], integers), TensorBytes.OfHalves("h", [], [1.5f])],
            ImmutableDictionary<string, string>.Empty.Add("note", Printable(text.Get)));
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(floats, file.ToFloats(label));
        Assert.Equal(integers, file.ToInt64s("i"));
        Assert.Equal([1.5f], file.ToFloats("h"));
        Assert.Equal([1, integers.Length], file.Entry("i").Shape);
        Assert.Equal(Printable(text.Get), file.Header.Metadata["note"]);
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    /// <summary>Any damage gives either a readable file or the typed error, never anything else.</summary>
    [Property(MaxTest = 400)]
    public void Damaged_bytes_never_give_anything_but_the_typed_error(int[] places, byte[] values, bool cut, int length)
    {
        var bytes = ValidBytes.ToArray();
        foreach (var (at, value) in places.Zip(values))
            bytes[(int)((uint)at % (uint)bytes.Length)] = value;

        ReadAll(cut ? bytes[..(int)((uint)length % (uint)bytes.Length)] : bytes);
    }

    /// <summary>As above, with characters of JSON in the header, which get further into the reader.</summary>
    [Property(MaxTest = 400)]
    public void Damaged_headers_never_give_anything_but_the_typed_error(PositiveInt at, PositiveInt what, PositiveInt at2, PositiveInt what2)
    {
        const string Characters = "{}[]\",:0123456789-.eEFIUB_\\utrnN \u0000a";
        var bytes = ValidBytes.ToArray();
        var headerLength = BitConverter.ToInt32(bytes);
        bytes[8 + at.Get % headerLength] = (byte)Characters[what.Get % Characters.Length];
        bytes[8 + at2.Get % headerLength] = (byte)Characters[what2.Get % Characters.Length];
        ReadAll(bytes);
    }

    [Fact]
    public void Numbers_of_every_kind_widen()
    {
        TensorBytes[] tensors =
        [
            new("f64", SafetensorsDtype.F64, [1], BitConverter.GetBytes(-0.1)),
            new("bf16", SafetensorsDtype.BF16, [2], new byte[] { 0x80, 0x3f, 0x80, 0xff }),
            new("u64", SafetensorsDtype.U64, [1], BitConverter.GetBytes(ulong.MaxValue)),
            new("u32", SafetensorsDtype.U32, [1], BitConverter.GetBytes(uint.MaxValue)),
            new("u16", SafetensorsDtype.U16, [1], BitConverter.GetBytes(ushort.MaxValue)),
            new("i8", SafetensorsDtype.I8, [2], new byte[] { 0x80, 0x7f }),
            new("bool", SafetensorsDtype.Bool, [2], new byte[] { 0, 1 }),
        ];
        var path = _folder.File("x.safetensors");
        SafetensorsWriter.Save(path, tensors, []);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal([-0.1], file.ToDoubles("f64"));
        Assert.Equal([-0.1f], file.ToFloats("f64"));
        Assert.Equal([1f, float.NegativeInfinity], file.ToFloats("bf16"));
        Assert.Equal([(double)ulong.MaxValue], file.ToDoubles("u64"));
        Assert.Throws<OverflowException>(() => file.ToInt64s("u64"));
        Assert.Equal([uint.MaxValue], file.ToInt64s("u32"));
        Assert.Equal([65535f], file.ToFloats("u16"));
        Assert.Equal([-128L, 127L], file.ToInt64s("i8"));
        Assert.Equal([0L, 1L], file.ToInt64s("bool"));
        Assert.Throws<InvalidOperationException>(() => file.ToInt64s("f64"));
        Assert.Throws<CheckpointException>(() => file.ToFloats("absent"));
    }

    [Fact]
    public unsafe void A_lease_outlives_its_file()
    {
        var path = _folder.File("x.safetensors");
        SafetensorsWriter.Save(path, [TensorBytes.OfFloats("a", [3], [1, 2, 3])], []);
        var file = SafetensorsFile.Open(path);
        using (var lease = file.Lease("a"))
        {
            file.Dispose();
            Assert.Equal(2f, ((float*)lease.Pointer)[1]);
            Assert.Equal(12, lease.Span.Length);
            Assert.Throws<ArgumentOutOfRangeException>(() => lease.Slice(8, 5).Length);
        }

        Assert.Throws<ObjectDisposedException>(() => file.Lease("a"));
    }

    [Fact]
    public void Bytes_that_were_forgotten_are_read_again()
    {
        var path = _folder.File("x.safetensors");
        float[] values = [.. Enumerable.Range(0, 100_000).Select(i => i * 0.5f)];
        SafetensorsWriter.Save(path, [TensorBytes.OfFloats("a", [values.Length], values), TensorBytes.OfFloats("b", [3], [1, 2, 3])], []);
        using var file = SafetensorsFile.Open(path);
        using (var lease = file.Lease("a"))
        {
            Assert.Equal(MemoryMarshal.AsBytes(values.AsSpan()), lease.Span);
            lease.Forget();
            Assert.Equal(MemoryMarshal.AsBytes(values.AsSpan()), lease.Span);
        }

        Assert.Equal([1, 2, 3], file.ToFloats("b"));
    }

    [Fact]
    public void A_failed_save_leaves_the_old_file_and_no_other()
    {
        var path = _folder.File("x.safetensors");
        SafetensorsWriter.Save(path, [TensorBytes.OfFloats("a", [1], [1])], []);
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Save(path, [TensorBytes.OfFloats("a", [2], [1])], []));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Save(path, [TensorBytes.OfFloats("a", [], [1]), TensorBytes.OfFloats("a", [], [1])], []));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Save(path, [TensorBytes.OfFloats("__metadata__", [], [1])], []));
        using var file = SafetensorsFile.Open(path);
        Assert.Equal([1f], file.ToFloats("a"));
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Tensors_are_written_aligned()
    {
        var path = _folder.File("x.safetensors");
        SafetensorsWriter.Save(
            path, [new("b", SafetensorsDtype.U8, [3], new byte[3]), TensorBytes.OfInt64s("i", [1], [1]), TensorBytes.OfFloats("f", [1], [1])], []);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(0, file.Header.DataOffset % 8);
        Assert.All(file.Header.Entries, entry => Assert.Equal(0, entry.Begin * 8 % entry.Dtype.Bits()));
    }

    public void Dispose() => _folder.Dispose();

    private static string Printable(string text) => new([.. text.Where(c => !char.IsSurrogate(c))]);

    private static byte[] Valid()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("valid.safetensors");
        SafetensorsWriter.Save(
            path,
            [TensorBytes.OfFloats("weight", [2, 3], [1, 2, 3, 4, 5, 6]), TensorBytes.OfHalves("bias", [3], [1, 2, 3]), TensorBytes.OfInt64s("n", [], [1])],
            ImmutableDictionary<string, string>.Empty.Add("format", "pt"));
        return File.ReadAllBytes(path);
    }

    private void ReadAll(byte[] bytes)
    {
        try
        {
            using var file = SafetensorsFile.Open(_folder.Write("damaged.safetensors", bytes));
            foreach (var entry in file.Header.Entries.Where(entry => entry.Dtype.IsNumeric()))
                Assert.Equal(entry.ElementCount, file.ToDoubles(entry.Name).Length);
        }
        catch (CheckpointException error)
        {
            Assert.NotEmpty(error.Message);
        }
    }
}
