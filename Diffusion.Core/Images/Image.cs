using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Diffusion.Core.Images;

/// <summary>
/// A picture: an immutable block of 8-bit pixels in row order, with text attached.
/// Every operation gives a new picture and follows Pillow's arithmetic exactly, so that what a pipeline sees is what
/// diffusers sees.
/// </summary>
/// <remarks>Two pictures are equal when their sizes, pixels and text are.</remarks>
[TypeFormatterSource(typeof(ImageFormatterSource), PreferredMimeTypes = ["text/html"])]
public sealed class Image : IEquatable<Image>
{
    private Image(int width, int height, int channels, ImmutableArray<byte> pixels, ImmutableSortedDictionary<string, string> text) =>
        (Width, Height, Channels, Pixels, Text) = (width, height, channels, pixels, text);

    /// <summary>Width in pixels, at least 1.</summary>
    public int Width { get; }

    /// <summary>Height in pixels, at least 1.</summary>
    public int Height { get; }

    /// <summary>1 (gray), 3 (RGB) or 4 (RGB and straight, not premultiplied, alpha).</summary>
    public int Channels { get; }

    /// <summary>The samples, 0..255, in the order row, column, channel (H, W, C).</summary>
    public ImmutableArray<byte> Pixels { get; }

    /// <summary>Text attached to the picture (the text chunks of a PNG file): keyword to value, sorted by keyword.</summary>
    public ImmutableSortedDictionary<string, string> Text { get; }

    /// <summary>A picture over pixels that already lie in (H, W, C) order; nothing is copied.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="channels">1, 3 or 4.</param>
    /// <param name="pixels">width × height × channels samples.</param>
    /// <exception cref="ArgumentException">The size, the number of channels or the number of samples is wrong.</exception>
    public static Image Create(int width, int height, int channels, ImmutableArray<byte> pixels)
    {
        var count = SampleCount(width, height, channels);
        if (pixels.IsDefault || pixels.Length != count)
        {
            throw new ArgumentException(
                $"Image.Create: got {(pixels.IsDefault ? 0 : pixels.Length)} samples for {width}×{height} with {channels} channels; "
                + $"expected {count} (width × height × channels, in the order row, column, channel).", nameof(pixels));
        }

        return new(width, height, channels, pixels, ImageText.Empty);
    }

    /// <summary>A picture of one colour.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="color">One value for gray, three for RGB, four for RGB with alpha.</param>
    /// <exception cref="ArgumentException">The size is below 1 or the colour has not 1, 3 or 4 values.</exception>
    public static Image Filled(int width, int height, params byte[] color)
    {
        ArgumentNullException.ThrowIfNull(color);
        var pixels = new byte[SampleCount(width, height, color.Length)];
        for (var i = 0; i < pixels.Length; i += color.Length)
        {
            color.CopyTo(pixels, i);
        }

        return Adopt(width, height, color.Length, pixels);
    }

    /// <summary>
    /// A picture from values 0..1 in the order row, column, channel: each sample is 255 × value, rounded half to even
    /// as NumPy does, and values outside 0..1 are clamped (NaN gives 0).
    /// </summary>
    /// <exception cref="ArgumentException">The size, the number of channels or the number of values is wrong.</exception>
    public static Image FromFloats(int width, int height, int channels, ReadOnlySpan<float> values)
    {
        var count = SampleCount(width, height, channels);
        if (values.Length != count)
        {
            throw new ArgumentException(
                $"Image.FromFloats: got {values.Length} values for {width}×{height} with {channels} channels; expected {count}.",
                nameof(values));
        }

        var pixels = new byte[count];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = FromUnit(values[i]);
        }

        return Adopt(width, height, channels, pixels);
    }

    /// <summary>Reads a picture from a PNG, JPEG, WebP or GIF file, with <see cref="ImageReadOptions.Default"/>.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, cut short, or larger than the limits allow.</exception>
    /// <exception cref="NotSupportedException">The file is in another format.</exception>
    public static Image Load(string path) => ImageCodec.Read(path, ImageReadOptions.Default);

    /// <summary>
    /// Pictures side by side, row after row (<c>make_image_grid</c> of diffusers), with <see cref="ImageGridOptions.Default"/>.
    /// </summary>
    /// <param name="images">At least one picture. Pictures of another size than the first are resized to it.</param>
    /// <param name="columns">How many pictures a row has; 0 chooses a nearly square grid.</param>
    public static Image Grid(IEnumerable<Image> images, int columns = 0) =>
        ImageGrid.Arrange(images, ImageGridOptions.Default.WithColumns(columns));

    /// <summary>Pictures side by side with padding, background and labels chosen.</summary>
    public static Image GridWith(ImageGridOptions options, IEnumerable<Image> images) => ImageGrid.Arrange(images, options);

    /// <summary>The samples divided by 255 in float32, in the order row, column, channel.</summary>
    public ImmutableArray<float> ToFloats()
    {
        var values = new float[Pixels.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Pixels[i] / 255f;
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(values);
    }

    /// <summary>The sample at a place.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The place is outside the picture.</exception>
    public byte this[int x, int y, int channel] =>
        (uint)x < (uint)Width && (uint)y < (uint)Height && (uint)channel < (uint)Channels
            ? Pixels[(((y * Width) + x) * Channels) + channel]
            : throw new ArgumentOutOfRangeException(
                nameof(x), $"Image[{x}, {y}, {channel}] is outside a picture of {Width}×{Height} with {Channels} channels.");

    /// <summary>The picture in another size, as Pillow resizes 8-bit pictures (two passes in fixed point).</summary>
    /// <param name="width">The new width, at least 1.</param>
    /// <param name="height">The new height, at least 1.</param>
    /// <param name="filter">The resampling filter.</param>
    public Image Resize(int width, int height, ResamplingFilter filter = ResamplingFilter.Bicubic) =>
        Resampling.Resize(this, width, height, filter, new SourceBox(0, 0, Width, Height));

    /// <summary>A part of the picture, given in fractional pixels, in another size (Pillow's <c>resize(box=…)</c>).</summary>
    /// <exception cref="ArgumentException">The size is below 1 or the box is not inside the picture.</exception>
    public Image ResizeBox(SourceBox box, int width, int height, ResamplingFilter filter = ResamplingFilter.Bicubic) =>
        Resampling.Resize(this, width, height, filter, box);

    /// <summary>Pillow's Gaussian blur: three passes of an extended box blur.</summary>
    /// <param name="radius">The standard deviation in pixels, 0 or more.</param>
    public Image GaussianBlur(float radius) => BoxBlur.Gaussian(this, radius);

    /// <summary>The pixels of a region; what lies outside the picture is 0 in every channel.</summary>
    /// <exception cref="ArgumentException">The region is empty.</exception>
    public Image Crop(PixelRegion region) => Compositing.Crop(this, region);

    /// <summary>This picture with another put over it at a place; parts outside are cut off and the other's alpha is not blended.</summary>
    /// <param name="other">The picture to put; it is converted to this picture's channels.</param>
    /// <param name="left">Column of its left edge; may be negative.</param>
    /// <param name="top">Row of its top edge; may be negative.</param>
    public Image Paste(Image other, int left, int top) => Compositing.Paste(this, other, left, top);

    /// <summary>This picture with another of the same size laid over it by the other's alpha.</summary>
    public Image AlphaComposite(Image overlay) => Compositing.AlphaComposite(this, overlay);

    /// <summary>One channel: luma of ITU-R 601, (19595 R + 38470 G + 7471 B + 32768) / 65536; alpha is dropped.</summary>
    public Image ToGray() => PixelFormats.Convert(this, 1);

    /// <summary>Three channels: gray is repeated, alpha is dropped (not blended).</summary>
    public Image ToRgb() => PixelFormats.Convert(this, 3);

    /// <summary>Four channels: alpha is 255 where there was none.</summary>
    public Image ToRgba() => PixelFormats.Convert(this, 4);

    /// <summary>255 − sample in every channel but alpha.</summary>
    public Image Invert() => PixelFormats.Invert(this);

    /// <summary>Left and right exchanged.</summary>
    public Image FlipHorizontal() => Compositing.Flip(this, horizontal: true);

    /// <summary>Top and bottom exchanged.</summary>
    public Image FlipVertical() => Compositing.Flip(this, horizontal: false);

    /// <summary>This picture with a text attached; a text of the same keyword is replaced.</summary>
    /// <param name="keyword">1 to 79 printable Latin-1 characters without leading, trailing or double spaces (the PNG rule).</param>
    /// <param name="value">Any text without the character U+0000.</param>
    /// <exception cref="ArgumentException">The keyword or the value cannot be kept in a file.</exception>
    public Image WithText(string keyword, string value) =>
        new(Width, Height, Channels, Pixels, Text.SetItem(ImageText.CheckedKeyword(keyword), ImageText.CheckedValue(keyword, value)));

    /// <summary>This picture with exactly these texts attached.</summary>
    /// <exception cref="ArgumentException">A keyword or a value cannot be kept in a file.</exception>
    public Image WithTexts(IEnumerable<KeyValuePair<string, string>> text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Aggregate(WithoutText(), (image, entry) => image.WithText(entry.Key, entry.Value));
    }

    /// <summary>This picture without any text.</summary>
    public Image WithoutText() => new(Width, Height, Channels, Pixels, ImageText.Empty);

    /// <summary>
    /// Writes the picture; the file name's extension (.png, .jpg, .jpeg, .webp, .gif) decides the format. The file
    /// appears whole or not at all. Only PNG keeps <see cref="Text"/>.
    /// </summary>
    /// <exception cref="NotSupportedException">The extension is another one.</exception>
    public void Save(string path) => ImageCodec.Write(this, path, ImageWriteOptions.Default);

    /// <summary>The picture as the bytes of a PNG file, with its text.</summary>
    public ImmutableArray<byte> ToPng() => PngWriter.Encode(this);

    /// <summary>The picture as a <c>data:image/png;base64,…</c> address.</summary>
    public string ToDataUri() => ImageHtml.DataUri(this);

    /// <summary>An HTML <c>img</c> element that holds the picture itself; the text is its tooltip.</summary>
    public string ToHtml() => ImageHtml.Element(this);

    /// <inheritdoc/>
    public bool Equals(Image? other) =>
        other is not null && Width == other.Width && Height == other.Height && Channels == other.Channels
        && Pixels.AsSpan().SequenceEqual(other.Pixels.AsSpan()) && Text.SequenceEqual(other.Text);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Image);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Width);
        hash.Add(Height);
        hash.Add(Channels);
        hash.AddBytes(Pixels.AsSpan());
        return hash.ToHashCode();
    }

    /// <summary>For example <c>512×512 RGB</c>.</summary>
    public override string ToString() => $"{Width}×{Height} {Channels switch { 1 => "gray", 3 => "RGB", _ => "RGBA" }}";

    /// <summary>Takes an array that nobody else writes to any more.</summary>
    internal static Image Adopt(int width, int height, int channels, byte[] pixels) =>
        new(width, height, channels, ImmutableCollectionsMarshal.AsImmutableArray(pixels), ImageText.Empty);

    /// <summary>A picture derived from this one: other pixels, the same text.</summary>
    internal Image Derive(int width, int height, int channels, byte[] pixels) =>
        new(width, height, channels, ImmutableCollectionsMarshal.AsImmutableArray(pixels), Text);

    /// <summary>Text that was read from a file, whose keywords need not obey the rules for writing.</summary>
    internal Image WithTextFromFile(ImmutableSortedDictionary<string, string> text) => new(Width, Height, Channels, Pixels, text);

    internal static byte FromUnit(float value)
    {
        var rounded = MathF.Round(value * 255f, MidpointRounding.ToEven);
        return rounded >= 255f ? (byte)255 : rounded > 0f ? (byte)rounded : (byte)0;
    }

    internal static int SampleCount(int width, int height, int channels)
    {
        if (width < 1 || height < 1 || channels is not (1 or 3 or 4))
        {
            throw new ArgumentException(
                $"Image: got a size of {width}×{height} with {channels} channels; expected a width and height of at "
                + "least 1 and 1, 3 or 4 channels.");
        }

        var count = (long)width * height * channels;
        return count <= Array.MaxLength
            ? (int)count
            : throw new ArgumentException(
                $"Image: {width}×{height} with {channels} channels is more than one picture "
                + $"can hold ({Array.MaxLength} samples).");
    }
}
