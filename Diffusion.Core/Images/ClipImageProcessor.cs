using System.Collections.Immutable;
using System.Text.Json;

namespace Diffusion.Core.Images;

/// <summary>
/// Prepares pictures for CLIP vision models (transformers' <c>CLIPImageProcessor</c>): to RGB, shortest edge to a size,
/// centre crop, scale and normalise by mean and standard deviation.
/// </summary>
public sealed record ClipImageProcessor
{
    /// <summary>The settings of OpenAI's CLIP: 224 pixels, bicubic.</summary>
    public static ClipImageProcessor Default { get; } = new();

    /// <summary>Whether pictures are resized.</summary>
    public bool DoResize { get; init; } = true;

    /// <summary>
    /// The new length of the shorter edge; the aspect ratio stays. Not used where <see cref="ResizeHeight"/> and <see
    /// cref="ResizeWidth"/> are above 0.
    /// </summary>
    public int ShortestEdge { get; init; } = 224;

    /// <summary>The new height, aspect ratio ignored; 0 to use <see cref="ShortestEdge"/>.</summary>
    public int ResizeHeight { get; init; }

    /// <summary>The new width, aspect ratio ignored; 0 to use <see cref="ShortestEdge"/>.</summary>
    public int ResizeWidth { get; init; }

    /// <summary>The filter that pictures are resized with.</summary>
    public ResamplingFilter Resample { get; init; } = ResamplingFilter.Bicubic;

    /// <summary>Whether the centre is cut out; smaller pictures are padded with 0.</summary>
    public bool DoCenterCrop { get; init; } = true;

    /// <summary>Height of the centre crop.</summary>
    public int CropHeight { get; init; } = 224;

    /// <summary>Width of the centre crop.</summary>
    public int CropWidth { get; init; } = 224;

    /// <summary>Whether samples are multiplied by <see cref="RescaleFactor"/>.</summary>
    public bool DoRescale { get; init; } = true;

    /// <summary>What samples (0..255) are multiplied by.</summary>
    public double RescaleFactor { get; init; } = 1.0 / 255;

    /// <summary>Whether the mean is subtracted and the result divided by the standard deviation.</summary>
    public bool DoNormalize { get; init; } = true;

    /// <summary>Mean of each channel.</summary>
    public ImmutableArray<float> ImageMean { get; init; } = [0.48145466f, 0.4578275f, 0.40821073f];

    /// <summary>Standard deviation of each channel.</summary>
    public ImmutableArray<float> ImageStd { get; init; } = [0.26862954f, 0.26130258f, 0.27577711f];

    /// <summary>Whether pictures are converted to RGB first.</summary>
    public bool DoConvertRgb { get; init; } = true;

    /// <summary>This processor for another square size: shortest edge and crop.</summary>
    public ClipImageProcessor WithSize(int size) =>
        this with { ShortestEdge = size, ResizeHeight = 0, ResizeWidth = 0, CropHeight = size, CropWidth = size };

    /// <summary>This processor with another <see cref="Resample"/>.</summary>
    public ClipImageProcessor WithResample(ResamplingFilter resample) => this with { Resample = resample };

    /// <summary>This processor with other means and standard deviations.</summary>
    public ClipImageProcessor WithNormalization(ImmutableArray<float> mean, ImmutableArray<float> std) =>
        this with { DoNormalize = true, ImageMean = mean, ImageStd = std };

    /// <summary>Reads the settings of a <c>preprocessor_config.json</c>; what it leaves out keeps its default.</summary>
    /// <exception cref="InvalidDataException">A setting has the wrong kind of value.</exception>
    public static ClipImageProcessor FromJson(JsonElement config)
    {
        var defaults = Default;
        try
        {
            var (shortest, resizeHeight, resizeWidth) = Size(config, "size", defaults.ShortestEdge);
            var (crop, cropHeight, cropWidth) = Size(config, "crop_size", defaults.CropHeight);
            return new()
            {
                DoResize = Value(config, "do_resize", defaults.DoResize, value => value.GetBoolean()),
                ShortestEdge = shortest,
                ResizeHeight = resizeHeight,
                ResizeWidth = resizeWidth,
                Resample = Value(config, "resample", defaults.Resample, value => Filter(value.GetInt32())),
                DoCenterCrop = Value(config, "do_center_crop", defaults.DoCenterCrop, value => value.GetBoolean()),
                CropHeight = cropHeight > 0 ? cropHeight : crop,
                CropWidth = cropWidth > 0 ? cropWidth : crop,
                DoRescale = Value(config, "do_rescale", defaults.DoRescale, value => value.GetBoolean()),
                RescaleFactor = Value(config, "rescale_factor", defaults.RescaleFactor, value => value.GetDouble()),
                DoNormalize = Value(config, "do_normalize", defaults.DoNormalize, value => value.GetBoolean()),
                ImageMean = Value(config, "image_mean", defaults.ImageMean, Floats),
                ImageStd = Value(config, "image_std", defaults.ImageStd, Floats),
                DoConvertRgb = Value(config, "do_convert_rgb", defaults.DoConvertRgb, value => value.GetBoolean()),
            };
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new InvalidDataException(
                $"Reading the settings of a CLIP image processor: {error.Message} Expected the layout of preprocessor_config.json.", error);
        }
    }

    /// <summary>Prepares one picture; see <see cref="PreprocessAll"/>.</summary>
    public ImageBatch Preprocess(Image image) => PreprocessAll([image]);

    /// <summary>Prepares pictures.</summary>
    /// <returns>[N, 3, H, W] pixel values.</returns>
    /// <exception cref="ArgumentException">There is no picture, or pictures differ in size after resizing without a crop.</exception>
    public ImageBatch PreprocessAll(IEnumerable<Image> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        var samples = ImageBatch.FromSamples(images.Select(Shape), 1f);
        var channels = samples.Channels;
        if (DoNormalize && (ImageMean.Length != channels || ImageStd.Length != channels))
        {
            throw new ArgumentException(
                $"ClipImageProcessor.Preprocess: got {ImageMean.Length} means and {ImageStd.Length} deviations for "
                + $"{channels} channels; expected one of each for a channel.");
        }

        var area = samples.Height * samples.Width;
        var values = new float[samples.Values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var value = DoRescale ? (float)(samples.Values[i] * RescaleFactor) : samples.Values[i];
            var channel = i / area % channels;
            values[i] = DoNormalize ? (value - ImageMean[channel]) / ImageStd[channel] : value;
        }

        return ImageBatch.Adopt(samples.Batch, channels, samples.Height, samples.Width, values);
    }

    private Image Shape(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var rgb = DoConvertRgb ? image.ToRgb() : image;
        var resized = DoResize ? Resize(rgb) : rgb;
        return DoCenterCrop ? CenterCrop(resized) : resized;
    }

    private Image Resize(Image image)
    {
        if (ResizeHeight > 0 && ResizeWidth > 0)
        {
            return image.Resize(ResizeWidth, ResizeHeight, Resample);
        }

        // In double precision and truncated, as Python's int() does.
        var (shorter, longer) = image.Width <= image.Height ? (image.Width, image.Height) : (image.Height, image.Width);
        var newLonger = (int)((double)((long)ShortestEdge * longer) / shorter);
        return image.Width <= image.Height
            ? image.Resize(ShortestEdge, newLonger, Resample)
            : image.Resize(newLonger, ShortestEdge, Resample);
    }

    private Image CenterCrop(Image image)
    {
        var left = Start(image.Width, CropWidth);
        var top = Start(image.Height, CropHeight);
        return image.Crop(new(left, top, left + CropWidth, top + CropHeight));
    }

    // Rounded down, also where the picture is smaller and the start is negative (then 0 fills the rest).
    private static int Start(int size, int crop) => (int)Math.Floor((size - crop) / 2.0);

    private static (int Edge, int Height, int Width) Size(JsonElement config, string name, int fallback)
    {
        if (!config.TryGetProperty(name, out var size) || size.ValueKind == JsonValueKind.Null)
        {
            return (fallback, 0, 0);
        }

        if (size.ValueKind == JsonValueKind.Number)
        {
            return (size.GetInt32(), 0, 0);
        }

        return size.TryGetProperty("shortest_edge", out var edge)
            ? (edge.GetInt32(), 0, 0)
            : (0, size.GetProperty("height").GetInt32(), size.GetProperty("width").GetInt32());
    }

    private static T Value<T>(JsonElement config, string name, T fallback, Func<JsonElement, T> read) =>
        config.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? read(value) : fallback;

    private static ImmutableArray<float> Floats(JsonElement value) => [.. value.EnumerateArray().Select(item => item.GetSingle())];

    private static ResamplingFilter Filter(int number) =>
        Enum.IsDefined((ResamplingFilter)number)
            ? (ResamplingFilter)number
            : throw new FormatException($"The filter \"resample\" is {number}, expected 0 to 5.");
}
