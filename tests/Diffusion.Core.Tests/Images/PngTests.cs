using System.Buffers.Binary;
using System.Text;
using Diffusion.Core.Images;
using FsCheck;
using FsCheck.Xunit;
using Xunit;
using Vips = NetVips.Image;

namespace Diffusion.Core.Tests.Images;

public class PngTests
{
    [Property]
    public bool Writing_and_reading_is_identity(int seed)
    {
        var image = Pictures.Random(seed);
        return Pictures.Decode(image.ToPng().AsSpan()).Equals(image);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void One_pixel_is_a_picture(int channels)
    {
        var image = Pictures.Random(1, 1, channels, 7);

        Assert.Equal(image, Pictures.Decode(image.ToPng().AsSpan()));
    }

    [Property]
    public bool Text_survives(NonEmptyString keyword, string value, int seed)
    {
        var image = Image.Filled(1, 1, (byte)seed);
        var key = new string([.. keyword.Get.Where(c => c is > ' ' and < '\u007f').Take(79).DefaultIfEmpty('k')]);
        var text = new string([.. (value ?? "").Where(c => c != '\0' && !char.IsSurrogate(c))]);
        var written = image.WithText(key, text).WithText("Emoji and more", "🦊 лиса\r\n\t狐 \u0007");
        return Pictures.Decode(written.ToPng().AsSpan()).Equals(written);
    }

    [Fact]
    public void Plain_text_is_a_tEXt_chunk_and_other_text_an_iTXt_chunk()
    {
        var file = Encoding.Latin1.GetString(Image.Filled(1, 1, 0).WithText("a", "grün\n2").WithText("b", "狐").ToPng().AsSpan());

        Assert.Contains("tEXta\0grün\n2", file, StringComparison.Ordinal);
        Assert.Contains("iTXtb\0\0\0\0\0", file, StringComparison.Ordinal);
    }

    [Property(MaxTest = 300)]
    public bool Damaged_files_are_refused_or_read_but_never_crash(int seed, PositiveInt changes)
    {
        var file = Pictures.Random(seed, 12).WithText("prompt", "a fox").ToPng().ToArray();
        var random = new Random(seed);
        for (var i = 0; i < 1 + (changes.Get % 4); i++)
        {
            file[random.Next(file.Length)] = (byte)random.Next(256);
        }

        return ReadsOrRefuses(file);
    }

    // Here the checksums are right, so that what lies behind them is tried.
    [Property(MaxTest = 300)]
    public bool Nonsense_with_right_checksums_is_refused_or_read_but_never_crashes(int seed)
    {
        var random = new Random(seed);
        byte[] Noise(int most)
        {
            var bytes = new byte[random.Next(most)];
            random.NextBytes(bytes);
            return bytes;
        }

        var header = Pictures.PngHeaderOf(
            random.Next(1, 20),
            random.Next(1, 20),
            new byte[] { 1, 2, 4, 8, 16, 3 }[random.Next(6)],
            (byte)random.Next(7),
            (byte)random.Next(2));
        return ReadsOrRefuses(Pictures.Png(
            header, (new[] { "tEXt", "zTXt", "iTXt" }[random.Next(3)], Noise(30)), ("PLTE", Noise(40)), ("tRNS", Noise(8)),
            ("IDAT", random.Next(2) == 0 ? Noise(50) : Pictures.Deflate(Noise(4000)))));
    }

    [Fact]
    public void Files_cut_short_anywhere_are_refused()
    {
        var file = Pictures.Random(9, 9, 3, 5).WithText("prompt", "a fox").ToPng().ToArray();

        for (var length = 8; length < file.Length; length++)
        {
            var cut = file[..length];
            Assert.Throws<InvalidDataException>(() => Pictures.Decode(cut));
        }
    }

    [Fact]
    public void A_wrong_checksum_is_refused()
    {
        var file = Pictures.Random(9, 9, 3, 5).ToPng().ToArray();
        file[^20] ^= 1;

        Assert.Contains("checksum", Assert.Throws<InvalidDataException>(() => Pictures.Decode(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_huge_picture_is_refused_by_its_header()
    {
        var bomb = Pictures.Png(Pictures.PngHeaderOf(60_000, 60_000, 8, 6), ("IDAT", Pictures.Deflate(new byte[1_000_000])));
        var before = GC.GetAllocatedBytesForCurrentThread();

        var error = Assert.Throws<InvalidDataException>(() => Pictures.Decode(bomb));

        Assert.Contains("60000×60000", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void A_small_file_cannot_claim_a_large_picture_even_without_limit()
    {
        var lie = Pictures.Png(Pictures.PngHeaderOf(20_000, 20_000, 8, 6), ("IDAT", Pictures.Deflate(new byte[1000])));
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<InvalidDataException>(() => ImageCodec.Decode(lie, ImageReadOptions.Default.WithMaxPixels(long.MaxValue)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    [InlineData(-1, 5)]
    public void Sizes_below_one_are_refused(int width, int height) => Assert.Throws<InvalidDataException>(
        () => Pictures.Decode(Pictures.Png(Pictures.PngHeaderOf(width, height, 8, 0), ("IDAT", Pictures.Deflate([])))));

    [Theory]
    [InlineData("zTXt")]
    [InlineData("iTXt")]
    public void A_compressed_text_bomb_is_refused(string type)
    {
        byte[] prefix = type == "zTXt" ? [(byte)'k', 0, 0] : [(byte)'k', 0, 1, 0, 0, 0];
        var bomb = Pictures.Png(
            Pictures.PngHeaderOf(1, 1, 8, 0),
            (type, [.. prefix, .. Pictures.Deflate(new byte[64 << 20])]),
            ("IDAT", Pictures.Deflate([0, 0])));
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<InvalidDataException>(() => ImageCodec.Decode(bomb, ImageReadOptions.Default.WithMaxTextBytes(100_000)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2_000_000);
    }

    [Fact]
    public void A_bomb_in_a_chunk_that_is_not_needed_is_never_inflated()
    {
        var file = Pictures.Png(
            Pictures.PngHeaderOf(1, 1, 8, 0),
            ("iCCP", [(byte)'k', 0, 0, .. Pictures.Deflate(new byte[64 << 20])]),
            ("IDAT", Pictures.Deflate([0, 9])));
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Equal([9], Pictures.Decode(file).Pixels);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Compressed_text_is_read()
    {
        var file = Pictures.Png(
            Pictures.PngHeaderOf(1, 1, 8, 0),
            ("zTXt", [(byte)'z', 0, 0, .. Pictures.Deflate(Encoding.Latin1.GetBytes("grün"))]),
            ("iTXt", [(byte)'i', 0, 1, 0, .. "de"u8, 0, .. "Schlüssel"u8, 0, .. Pictures.Deflate(Encoding.UTF8.GetBytes("狐"))]),
            ("IDAT", Pictures.Deflate([0, 9])));

        var image = Pictures.Decode(file);

        Assert.Equal("grün", image.Text["z"]);
        Assert.Equal("狐", image.Text["i"]);
        Assert.Equal([9], image.Pixels);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Low_bit_depths_are_scaled_to_full_range(byte depth)
    {
        var levels = 1 << depth;
        var row = new byte[levels * depth / 8 + 1];
        for (var i = 0; i < levels; i++)
        {
            row[i * depth / 8] |= (byte)(i << (8 - depth - (i * depth % 8)));
        }

        var image = Pictures.Decode(Pictures.Png(
            Pictures.PngHeaderOf(levels, 1, depth, 0), ("IDAT", Pictures.Deflate([0, .. row]))));

        Assert.Equal(Enumerable.Range(0, levels).Select(i => (byte)(i * 255 / (levels - 1))), image.Pixels);
    }

    [Fact]
    public void Palette_with_alpha_becomes_RGBA_and_an_index_outside_is_refused()
    {
        byte[] palette = [1, 2, 3, 4, 5, 6];
        var header = Pictures.PngHeaderOf(2, 1, 8, 3);

        Assert.Equal([4, 5, 6, 255, 1, 2, 3, 9], Pictures.Decode(Pictures.Png(
            header, ("PLTE", palette), ("tRNS", [9]), ("IDAT", Pictures.Deflate([0, 1, 0])))).Pixels);
        Assert.Throws<InvalidDataException>(() => Pictures.Decode(Pictures.Png(
            header, ("PLTE", palette), ("IDAT", Pictures.Deflate([0, 2, 0])))));
    }

    [Fact]
    public void Sixteen_bits_keep_the_high_byte_and_a_colour_key_is_transparent()
    {
        var header = Pictures.PngHeaderOf(2, 1, 16, 0);
        var row = new byte[5];
        BinaryPrimitives.WriteUInt16BigEndian(row.AsSpan(1), 0x12FF);
        BinaryPrimitives.WriteUInt16BigEndian(row.AsSpan(3), 0xABCD);

        Assert.Equal([0x12, 0xAB], Pictures.Decode(Pictures.Png(header, ("IDAT", Pictures.Deflate(row)))).Pixels);
        Assert.Equal([0x12, 0x12, 0x12, 255, 0xAB, 0xAB, 0xAB, 0], Pictures.Decode(Pictures.Png(
            header, ("tRNS", [0xAB, 0xCD]), ("IDAT", Pictures.Deflate(row)))).Pixels);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 2)]
    [InlineData(8, 8)]
    [InlineData(13, 29)]
    public void Libvips_reads_what_is_written_and_interlaced_files_of_libvips_are_read(int width, int height)
    {
        foreach (var channels in new[] { 1, 3, 4 })
        {
            var image = Pictures.Random(width, height, channels, 11);
            using var theirs = Vips.PngloadBuffer(image.ToPng().ToArray());

            Assert.Equal(image.Pixels, theirs.WriteToMemory<byte>());
            Assert.Equal(image, Pictures.Decode(theirs.PngsaveBuffer(interlace: true)));
        }
    }

    private static bool ReadsOrRefuses(byte[] file)
    {
        try
        {
            var image = Pictures.Decode(file);
            return image.Pixels.Length == image.Width * image.Height * image.Channels;
        }
        catch (Exception error) when (error is InvalidDataException or NotSupportedException)
        {
            return error.Message.StartsWith("Reading", StringComparison.Ordinal);
        }
    }
}
