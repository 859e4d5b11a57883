using System.Reflection;
using System.Runtime.Loader;
using Diffusion.Core.Images;
using FsCheck;
using FsCheck.Xunit;
using NetVips;
using Xunit;
using Image = Diffusion.Core.Images.Image;
using Vips = NetVips.Image;

namespace Diffusion.Core.Tests.Images;

public sealed class ImageCodecTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("images").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("picture.png", 0)]
    [InlineData("picture.jpg", 4)]
    [InlineData("picture.JPEG", 4)]
    [InlineData("picture.webp", 8)]
    [InlineData("picture.gif", 40)]
    public void Files_are_written_and_read(string name, int tolerance)
    {
        var image = Pictures.Gradient(48, 32, 3);
        var path = Path.Combine(folder, name);

        image.Save(path);
        var read = Image.Load(path);

        Assert.Equal((48, 32), (read.Width, read.Height));
        Assert.All(
            image.Pixels.Zip(read.ToRgb().Pixels),
            pair => Assert.InRange(pair.Second, pair.First - tolerance, pair.First + tolerance));
        Assert.Equal((48, 32), (ImageCodec.Probe(path).Width, ImageCodec.Probe(path).Height));
        Assert.Equal(ImageCodec.FormatOf(path), ImageCodec.Probe(path).Format);
        Assert.Equal([path], Directory.GetFiles(folder));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void Lossless_webp_is_exact(int channels)
    {
        var image = Pictures.Random(17, 9, channels, 3);

        var file = ImageCodec.Encode(image, ImageFormat.Webp, ImageWriteOptions.Default.WithLossless(true));

        Assert.Equal(channels == 1 ? image.ToRgb() : image, Pictures.Decode(file.AsSpan()));
    }

    [Fact]
    public void Quality_makes_files_smaller_and_is_checked()
    {
        var image = Pictures.Random(64, 64, 3, 1);
        int Size(int quality) => ImageCodec.Encode(image, ImageFormat.Jpeg, ImageWriteOptions.Default.WithQuality(quality)).Length;

        Assert.True(Size(20) < Size(95));
        Assert.Throws<ArgumentException>(() => Size(0));
        Assert.Throws<ArgumentException>(() => Size(101));
    }

    [Fact]
    public void Jpeg_refuses_alpha_and_leaves_no_file()
    {
        Assert.Throws<ArgumentException>(() => Pictures.Random(4, 4, 4, 1).Save(Path.Combine(folder, "a.jpg")));
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void Existing_files_are_replaced_and_missing_folders_reported()
    {
        var path = Path.Combine(folder, "a.png");
        Pictures.Random(4, 4, 3, 1).Save(path);
        Pictures.Random(5, 5, 3, 1).Save(path);

        Assert.Equal(5, Image.Load(path).Width);
        Assert.Throws<DirectoryNotFoundException>(() => Image.Filled(1, 1, 0).Save(Path.Combine(folder, "none", "a.png")));
        Assert.Throws<NotSupportedException>(() => Image.Filled(1, 1, 0).Save(Path.Combine(folder, "a.bmp")));
    }

    [Fact]
    public void Gray_jpeg_stays_gray()
    {
        var file = ImageCodec.Encode(Pictures.Gradient(8, 8, 1), ImageFormat.Jpeg, ImageWriteOptions.Default);

        Assert.Equal(1, Pictures.Decode(file.AsSpan()).Channels);
    }

    [Fact]
    public void Cmyk_jpeg_becomes_RGB()
    {
        using var cmyk = ToVips(Pictures.Gradient(16, 16, 3)).Colourspace(Enums.Interpretation.Cmyk);

        Assert.Equal(3, Pictures.Decode(cmyk.JpegsaveBuffer()).Channels);
    }

    [Fact]
    public void Exif_orientation_is_followed()
    {
        using var turned = ToVips(Pictures.Gradient(24, 8, 3)).Mutate(image => image.Set(GValue.GIntType, "orientation", 6));

        var read = Pictures.Decode(turned.JpegsaveBuffer(q: 95));

        Assert.Equal((8, 24), (read.Width, read.Height));
        Assert.True(read[4, 22, 0] > read[4, 2, 0] + 100);
    }

    [Theory]
    [InlineData(ImageFormat.Webp)]
    [InlineData(ImageFormat.Gif)]
    public void Of_an_animation_the_first_frame_is_read(ImageFormat format)
    {
        using var first = ToVips(Pictures.Gradient(24, 8, 3));
        using var frames = Vips.Arrayjoin([first, first.Invert()], across: 1)
            .Mutate(image => image.Set(GValue.GIntType, "page-height", 8));
        var file = format == ImageFormat.Webp ? frames.WebpsaveBuffer(lossless: true) : frames.GifsaveBuffer();

        var read = Pictures.Decode(file);

        Assert.Equal((24, 8), (read.Width, read.Height));
        Assert.True(read[23, 0, 0] > read[0, 0, 0] + 150);
    }

    // libvips takes time to load and isn't there on every platform.
    [Fact]
    public void Png_never_loads_the_native_library()
    {
        var context = new RecordingContext();
        var type = context.LoadFromAssemblyPath(typeof(Image).Assembly.Location).GetType(typeof(Image).FullName!)!;
        object? Call(object? on, string method, params object?[] arguments) => type.GetMethod(method)!.Invoke(on, arguments);
        var (png, jpeg) = (Path.Combine(folder, "a.png"), Path.Combine(folder, "a.jpg"));

        var picture = Call(Call(null, "Filled", 9, 9, new byte[] { 1, 2, 3 }), "Resize", 5, 5, Enum.ToObject(
            context.Assemblies.Single().GetType(typeof(ResamplingFilter).FullName!)!, (int)ResamplingFilter.Lanczos));
        Call(picture, "Save", png);
        Call(picture, "ToHtml");
        Assert.Equal(picture, Call(null, "Load", png));
        Assert.DoesNotContain("NetVips", context.Asked);

        Call(picture, "Save", jpeg);
        Assert.Contains("NetVips", context.Asked);
    }

    [Theory]
    [InlineData(ImageFormat.Jpeg)]
    [InlineData(ImageFormat.Webp)]
    [InlineData(ImageFormat.Gif)]
    public void Files_cut_short_are_refused(ImageFormat format)
    {
        var file = ImageCodec.Encode(Pictures.Random(64, 64, 3, 2), format, ImageWriteOptions.Default).ToArray();

        foreach (var length in new[] { 0, 3, 12, 13, 29, 30, 100, file.Length / 2, file.Length - 40 })
        {
            var error = Record.Exception(() => Pictures.Decode(file.AsSpan(0, length)));
            Assert.True(error is InvalidDataException or NotSupportedException, $"{length} of {file.Length} bytes: {error}");
        }
    }

    [Property(MaxTest = 60)]
    public bool Damaged_files_are_refused_or_read_but_never_crash(int seed, PositiveInt changes)
    {
        var random = new Random(seed);
        var format = new[] { ImageFormat.Jpeg, ImageFormat.Webp, ImageFormat.Gif }[random.Next(3)];
        var file = ImageCodec.Encode(Pictures.Gradient(20, 20, 3), format, ImageWriteOptions.Default).ToArray();
        for (var i = 0; i < 1 + (changes.Get % 8); i++)
        {
            file[random.Next(file.Length)] = (byte)random.Next(256);
        }

        try
        {
            return Pictures.Decode(file).Width > 0;
        }
        catch (Exception error) when (error is InvalidDataException or NotSupportedException)
        {
            return true;
        }
    }

    [Fact]
    public void Huge_headers_are_refused()
    {
        var gif = ImageCodec.Encode(Pictures.Gradient(8, 8, 3), ImageFormat.Gif, ImageWriteOptions.Default).ToArray();
        (gif[6], gif[7], gif[8], gif[9]) = (0xFF, 0xFF, 0xFF, 0xFF);
        byte[] webp = [.. "RIFF"u8, 0, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0];
        byte[] jpeg = [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0, 0xFF, 0xC0, 0, 17, 8, 0xFF, 0xFF, 0xFF, 0xFF, 3];

        Assert.All([gif, webp, jpeg], file => Assert.Contains(
            "more than the limit", Assert.Throws<InvalidDataException>(() => Pictures.Decode(file)).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Limits_can_be_set()
    {
        var path = Path.Combine(folder, "a.png");
        Image.Filled(10, 10, 0).WithText("k", new string('x', 1000)).Save(path);

        Assert.Throws<InvalidDataException>(() => ImageCodec.Read(path, ImageReadOptions.Default.WithMaxPixels(99)));
        Assert.Throws<InvalidDataException>(() => ImageCodec.Read(path, ImageReadOptions.Default.WithMaxFileBytes(100)));
        Assert.Throws<InvalidDataException>(() => ImageCodec.Read(path, ImageReadOptions.Default.WithMaxTextBytes(999)));
        Assert.Equal(10, ImageCodec.Read(path, ImageReadOptions.Default.WithMaxPixels(100)).Width);
    }

    [Fact]
    public void Other_formats_are_named_in_the_refusal()
    {
        var error = Assert.Throws<NotSupportedException>(() => Pictures.Decode("<html>not a picture</html>"u8));

        Assert.Contains("PNG, JPEG, WebP or GIF", error.Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => Image.Load(Path.Combine(folder, "none.png")));
    }

    private static Vips ToVips(Image image) =>
        Vips.NewFromMemoryCopy(image.Pixels.ToArray(), image.Width, image.Height, image.Channels, Enums.BandFormat.Uchar)
            .Copy(interpretation: Enums.Interpretation.Srgb);

    private sealed class RecordingContext : AssemblyLoadContext
    {
        public List<string> Asked { get; } = [];

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            lock (Asked)
            {
                Asked.Add(assemblyName.Name!);
            }

            return null;
        }
    }
}
