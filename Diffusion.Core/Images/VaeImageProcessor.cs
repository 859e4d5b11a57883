using System.Collections.Immutable;

namespace Diffusion.Core.Images;

/// <summary>
/// Prepares pictures for a variational autoencoder and turns its output into pictures (diffusers'
/// <c>VaeImageProcessor</c>): size, channels and range in; range and rounding out.
/// </summary>
public sealed record VaeImageProcessor
{
    /// <summary>diffusers' defaults: resize to multiples of 8 by Lanczos, normalise to −1..1.</summary>
    public static VaeImageProcessor Default { get; } = new();

    /// <summary>For masks of inpainting: gray, 0 or 1, not normalised.</summary>
    public static VaeImageProcessor Mask { get; } = new() { DoNormalize = false, DoBinarize = true, DoConvertGrayscale = true };

    /// <summary>
    /// Whether pictures are resized, to the size asked for or their own, rounded down to a multiple of <see
    /// cref="VaeScaleFactor"/>.
    /// </summary>
    public bool DoResize { get; init; } = true;

    /// <summary>How much smaller latents are than pictures, at least 1.</summary>
    public int VaeScaleFactor { get; init; } = 8;

    /// <summary>The filter that pictures are resized with.</summary>
    public ResamplingFilter Resample { get; init; } = ResamplingFilter.Lanczos;

    /// <summary>Whether values go from 0..1 to −1..1 (and back in <see cref="Postprocess"/>).</summary>
    public bool DoNormalize { get; init; } = true;

    /// <summary>Whether values below 0.5 become 0 and all others 1.</summary>
    public bool DoBinarize { get; init; }

    /// <summary>Whether pictures are converted to RGB; not together with <see cref="DoConvertGrayscale"/>.</summary>
    public bool DoConvertRgb { get; init; }

    /// <summary>Whether pictures are converted to gray.</summary>
    public bool DoConvertGrayscale { get; init; }

    /// <summary>This processor with another <see cref="DoResize"/>.</summary>
    public VaeImageProcessor WithDoResize(bool doResize) => this with { DoResize = doResize };

    /// <summary>This processor with another <see cref="VaeScaleFactor"/>.</summary>
    public VaeImageProcessor WithVaeScaleFactor(int vaeScaleFactor) => this with { VaeScaleFactor = vaeScaleFactor };

    /// <summary>This processor with another <see cref="Resample"/>.</summary>
    public VaeImageProcessor WithResample(ResamplingFilter resample) => this with { Resample = resample };

    /// <summary>This processor with another <see cref="DoNormalize"/>.</summary>
    public VaeImageProcessor WithDoNormalize(bool doNormalize) => this with { DoNormalize = doNormalize };

    /// <summary>This processor with another <see cref="DoBinarize"/>.</summary>
    public VaeImageProcessor WithDoBinarize(bool doBinarize) => this with { DoBinarize = doBinarize };

    /// <summary>This processor with another <see cref="DoConvertRgb"/>.</summary>
    public VaeImageProcessor WithDoConvertRgb(bool doConvertRgb) => this with { DoConvertRgb = doConvertRgb };

    /// <summary>This processor with another <see cref="DoConvertGrayscale"/>.</summary>
    public VaeImageProcessor WithDoConvertGrayscale(bool doConvertGrayscale) => this with { DoConvertGrayscale = doConvertGrayscale };

    /// <summary>2 × value − 1: from 0..1 to −1..1.</summary>
    public static ImageBatch Normalize(ImageBatch batch) => Required(batch).Map(value => (2f * value) - 1f);

    /// <summary>value / 2 + 0.5, clamped to 0..1: from −1..1 to 0..1.</summary>
    public static ImageBatch Denormalize(ImageBatch batch) => Required(batch).Map(value => Math.Clamp((value / 2f) + 0.5f, 0f, 1f));

    /// <summary>0 below 0.5, else 1.</summary>
    public static ImageBatch Binarize(ImageBatch batch) => Required(batch).Map(value => value < 0.5f ? 0f : 1f);

    /// <summary>Pillow's Gaussian blur with a radius, for soft masks.</summary>
    public static Image Blur(Image image, float blurFactor = 4) => Required(image).GaussianBlur(blurFactor);

    /// <summary>Prepares one picture; see <see cref="PreprocessAll"/>.</summary>
    public ImageBatch Preprocess(
        Image image, int? height = null, int? width = null, ResizeMode resizeMode = ResizeMode.Default, PixelRegion? cropsCoords = null) =>
        PreprocessAll([image], height, width, resizeMode, cropsCoords);

    /// <summary>Prepares pictures: crop, resize, convert, scale to 0..1, then normalise and binarise as set.</summary>
    /// <param name="images">At least one picture.</param>
    /// <param name="height">The height to resize to, rounded down to a multiple of the scale factor; by default that of the
    /// first picture.</param>
    /// <param name="width">The same for the width.</param>
    /// <param name="resizeMode">What happens to the aspect ratio.</param>
    /// <param name="cropsCoords">A region to cut out first.</param>
    /// <returns>[N, C, H, W], in −1..1 if <see cref="DoNormalize"/> and else in 0..1.</returns>
    /// <exception cref="ArgumentException">There is no picture, or sizes do not fit.</exception>
    public ImageBatch PreprocessAll(
        IEnumerable<Image> images,
        int? height = null,
        int? width = null,
        ResizeMode resizeMode = ResizeMode.Default,
        PixelRegion? cropsCoords = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        Image[] pictures = [.. images.Select(image => cropsCoords is { } region ? Required(image).Crop(region) : Required(image))];
        if (pictures.Length == 0)
        {
            throw new ArgumentException("VaeImageProcessor.Preprocess: got no pictures; expected at least one.", nameof(images));
        }

        if (DoConvertRgb && DoConvertGrayscale)
        {
            throw new ArgumentException(
                $"VaeImageProcessor.Preprocess: {nameof(DoConvertRgb)} and {nameof(DoConvertGrayscale)} are both set; "
                + "expected at most one of them.");
        }

        if (DoResize)
        {
            var (rows, columns) = TargetSize(pictures[0].Height, pictures[0].Width, height, width);
            pictures = Array.ConvertAll(pictures, picture => Resize(picture, rows, columns, resizeMode));
        }

        return Finish(ImageBatch.FromImages(pictures.Select(picture =>
            DoConvertRgb ? picture.ToRgb() : DoConvertGrayscale ? picture.ToGray() : picture)));
    }

    /// <summary>
    /// Prepares numbers 0..1 (diffusers' torch and NumPy inputs): resize by the nearest value, then normalise and
    /// binarise as set. A batch of 4 channels is taken for latents and comes back as it is; values below 0 are taken
    /// for normalised already.
    /// </summary>
    /// <param name="batch">[N, C, H, W].</param>
    /// <param name="height">The height to resize to, rounded down to a multiple of the scale factor; by default its own.</param>
    /// <param name="width">The same for the width.</param>
    public ImageBatch PreprocessBatch(ImageBatch batch, int? height = null, int? width = null)
    {
        if (Required(batch).Channels == 4)
        {
            return batch;
        }

        if (!DoResize)
        {
            return Finish(batch);
        }

        var (rows, columns) = TargetSize(batch.Height, batch.Width, height, width);
        return Finish(batch.ResizeNearest(rows, columns));
    }

    /// <summary>The autoencoder's output as values 0..1.</summary>
    /// <param name="batch">[N, C, H, W], −1..1 where it is to be denormalised.</param>
    /// <param name="doDenormalize">For each picture whether it is denormalised; by default <see cref="DoNormalize"/> for all.</param>
    /// <exception cref="ArgumentException"><paramref name="doDenormalize"/> has not one value for each picture.</exception>
    public ImageBatch Postprocess(ImageBatch batch, IReadOnlyList<bool>? doDenormalize = null)
    {
        if (doDenormalize is not null && doDenormalize.Count != Required(batch).Batch)
        {
            throw new ArgumentException(
                $"VaeImageProcessor.Postprocess: got {doDenormalize.Count} values of {nameof(doDenormalize)} for "
                + $"{batch.Batch} pictures; expected one for each.",
                nameof(doDenormalize));
        }

        return doDenormalize is null
            ? DoNormalize ? Denormalize(batch) : Required(batch)
            : ImageBatch.Concat(Enumerable.Range(0, batch.Batch).Select(
                n => doDenormalize[n] ? Denormalize(batch.Item(n)) : batch.Item(n)));
    }

    /// <summary>The autoencoder's output as pictures: <see cref="Postprocess"/>, × 255, rounded half to even.</summary>
    public ImmutableArray<Image> PostprocessToImages(ImageBatch batch, IReadOnlyList<bool>? doDenormalize = null) =>
        Postprocess(batch, doDenormalize).ToImages();

    /// <summary>A picture in another size.</summary>
    /// <exception cref="ArgumentException">The size is below 1.</exception>
    public Image Resize(Image image, int height, int width, ResizeMode resizeMode = ResizeMode.Default) => resizeMode switch
    {
        ResizeMode.Default => Required(image).Resize(width, height, Resample),
        ResizeMode.Fill => AspectResizing.Fill(Required(image), width, height),
        ResizeMode.Crop => AspectResizing.Crop(Required(image), width, height),
        _ => throw new ArgumentException(
            $"VaeImageProcessor.Resize: got the mode {resizeMode}; expected Default, Fill or Crop.", nameof(resizeMode)),
    };

    /// <summary>
    /// The smallest region that holds all of a mask that is not 0, widened by a padding and then to the aspect ratio of
    /// the size that will be processed, inside the mask.
    /// </summary>
    /// <exception cref="ArgumentException">The mask is 0 everywhere, or a size is below 1.</exception>
    public static PixelRegion GetCropRegion(Image mask, int width, int height, int pad = 0) =>
        CropRegion.Of(Required(mask), width, height, pad);

    /// <summary>Lays the untouched parts of the first picture over the inpainted one.</summary>
    /// <param name="mask">What was inpainted: 255 where the new picture shows, 0 where the old one does.</param>
    /// <param name="initImage">The picture before inpainting.</param>
    /// <param name="image">The inpainted picture.</param>
    /// <param name="cropCoords">Where the inpainted picture belongs, when only a region was processed.</param>
    /// <returns>RGB, in the size of <paramref name="image"/>.</returns>
    public Image ApplyOverlay(Image mask, Image initImage, Image image, PixelRegion? cropCoords = null)
    {
        var (width, height) = (Required(image).Width, image.Height);
        var keep = Resize(mask, height, width).ToGray().Invert();
        var kept = PixelFormats.Unpremultiply(Compositing.MultiplyByMask(
            PixelFormats.Premultiply(Resize(initImage, height, width).ToRgba()), keep));
        var below = cropCoords is { } region
            ? Image.Filled(width, height, 0, 0, 0)
                .Paste(Resize(image, region.Height, region.Width, ResizeMode.Crop), region.Left, region.Top)
            : image;
        return below.AlphaComposite(kept).ToRgb();
    }

    private (int Height, int Width) TargetSize(int ownHeight, int ownWidth, int? height, int? width)
    {
        var factor = VaeScaleFactor >= 1
            ? VaeScaleFactor
            : throw new ArgumentException($"VaeImageProcessor: got {nameof(VaeScaleFactor)} = {VaeScaleFactor}; expected at least 1.");
        var (rows, columns) = (height ?? ownHeight, width ?? ownWidth);
        (rows, columns) = (rows - (rows % factor), columns - (columns % factor));
        return rows >= 1 && columns >= 1
            ? (rows, columns)
            : throw new ArgumentException(
                $"VaeImageProcessor: a size of {width ?? ownWidth}×{height ?? ownHeight} rounds down to nothing; "
                + $"expected at least {factor}×{factor}.");
    }

    private ImageBatch Finish(ImageBatch batch)
    {
        var normalized = DoNormalize && !batch.Values.Any(value => value < 0) ? Normalize(batch) : batch;
        return DoBinarize ? Binarize(normalized) : normalized;
    }

    private static T Required<T>(T value)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }
}
