using Diffusion.Core.Images;
using Diffusion.Core.Tensors;

namespace Diffusion.Dsl.Pipelines;

/// <summary>The pictures that RePaint completes and which part of them is known. Checked when it is made.</summary>
public sealed record RePaintInputs
{
    private RePaintInputs(ImageBatch original, ImageBatch mask)
    {
        Original = original;
        Mask = mask;
    }

    /// <summary>The pictures, [batch, channels, height, width] in −1 … 1; the unknown part may hold anything.</summary>
    public ImageBatch Original { get; }

    /// <summary>1 where a picture is kept, 0 where it is painted; [batch or 1, channels or 1, height, width].</summary>
    public ImageBatch Mask { get; }

    /// <summary>Takes a picture and its mask; see <see cref="Prepare"/> and <see cref="PrepareMasks"/>.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="mask">Light where the picture is kept, dark where it is painted.</param>
    /// <exception cref="ArgumentException">The sizes differ after rounding, or nothing is left.</exception>
    public static RePaintInputs Of(Image picture, Image mask) => Of(Prepare([picture]), PrepareMasks([mask]));

    /// <summary>Pictures as <see cref="Original"/>, as diffusers' <c>RePaintPipeline</c> prepares them.</summary>
    /// <param name="pictures">One or more; all get the first one's size, rounded down to multiples of 8 (Lanczos).</param>
    /// <exception cref="ArgumentException">There is none, or nothing is left of it.</exception>
    public static ImageBatch Prepare(IEnumerable<Image> pictures) =>
        Batch("picture", pictures, 8, ResamplingFilter.Lanczos, picture => picture.Channels == 4 ? picture.ToRgb() : picture)
            .Map(value => (2 * value) - 1);

    /// <summary>Masks as <see cref="Mask"/>, as diffusers' <c>RePaintPipeline</c> prepares them: levels of 128 and more are kept.</summary>
    /// <param name="masks">One or more; all get the first one's size, rounded down to multiples of 32 (nearest).</param>
    /// <exception cref="ArgumentException">There is none, or nothing is left of it.</exception>
    public static ImageBatch PrepareMasks(IEnumerable<Image> masks) =>
        Batch("mask", masks, 32, ResamplingFilter.Nearest, mask => mask.ToGray()).Map(value => value < 0.5f ? 0 : 1);

    /// <summary>Takes numbers as they are.</summary>
    /// <param name="original">See <see cref="Original"/>.</param>
    /// <param name="mask">See <see cref="Mask"/>; values between 0 and 1 mix.</param>
    /// <exception cref="ArgumentException">The shapes don't fit.</exception>
    public static RePaintInputs Of(ImageBatch original, ImageBatch mask)
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(mask);
        bool fits = (mask.Height, mask.Width) == (original.Height, original.Width)
            && (mask.Channels == 1 || mask.Channels == original.Channels) && (mask.Batch == 1 || mask.Batch == original.Batch);
        return fits ? new(original, mask) : throw new ArgumentException(
            $"RePaint: got a mask {mask} for a picture {original}; expected the same height and width, and a batch and channels that are the same or 1. "
            + "Masks are rounded down to multiples of 32, pictures to multiples of 8: give both the size that the model makes.", nameof(mask));
    }

    /// <summary>A tensor as <see cref="Mask"/>.</summary>
    /// <param name="mask">[height, width], [channels or 1, height, width], or with a batch before that.</param>
    /// <exception cref="ArgumentException">It has another number of axes.</exception>
    public static ImageBatch MaskOf(Tensor mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return mask.Rank is >= 2 and <= 4
            ? ImageBatch.FromTensor(mask.Reshape([.. Enumerable.Repeat(1, 4 - mask.Rank), .. mask.Shape.Lengths]))
            : throw new ArgumentException($"RePaint: got a mask {mask.Shape}; expected 2, 3 or 4 axes.", nameof(mask));
    }

    private static ImageBatch Batch(string what, IEnumerable<Image> images, int multiple, ResamplingFilter filter, Func<Image, Image> convert)
    {
        ArgumentNullException.ThrowIfNull(images);
        Image[] all = [.. images.Select(convert)];
        if (all.Length == 0)
            throw new ArgumentException($"RePaint: got no {what}; expected one or more.", nameof(images));
        int width = all[0].Width / multiple * multiple, height = all[0].Height / multiple * multiple;
        return width > 0 && height > 0
            ? ImageBatch.FromImages(all.Select(image => image.Resize(width, height, filter)))
            : throw new ArgumentException($"RePaint: got a {what} of {all[0].Width}×{all[0].Height}; expected at least {multiple}×{multiple}.", nameof(images));
    }
}
