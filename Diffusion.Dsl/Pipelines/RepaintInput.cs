using Diffusion.Core.Images;
using Diffusion.Core.Tensors;

namespace Diffusion.Dsl.Pipelines;

/// <summary>
/// What RePaint (Lugmayr et al., arXiv:2201.09865) starts from: pictures, and which part of them to keep. The run jumps back now and then,
/// so that the new part comes to fit the old one. Immutable, and checked when it is made.
/// </summary>
public sealed record RepaintInput
{
    private RepaintInput(ImageBatch original, ImageBatch mask)
    {
        Original = original;
        Mask = mask;
    }

    /// <summary>The pictures, [batch, channels, height, width] in −1 … 1; what isn't kept may be anything.</summary>
    public ImageBatch Original { get; }

    /// <summary>1 where a picture is kept, 0 where it is made anew; [batch or 1, channels or 1, height, width].</summary>
    public ImageBatch Mask { get; }

    /// <summary>How far back each jump goes, in steps, 1 or more.</summary>
    public int JumpLength { get; private init; } = 10;

    /// <summary>How often each stretch is done, 1 (no jumps) or more.</summary>
    public int JumpSamples { get; private init; } = 10;

    /// <summary>Takes a picture and its mask; see <see cref="Prepare"/> and <see cref="PrepareMasks"/>.</summary>
    /// <param name="original">The picture.</param>
    /// <param name="mask">White where it is kept, black where it is made anew.</param>
    /// <exception cref="ArgumentException">The sizes differ after rounding, or nothing is left of them.</exception>
    public static RepaintInput Of(Image original, Image mask) => Of(Prepare([original]), PrepareMasks([mask]));

    /// <summary>Takes numbers as they are.</summary>
    /// <param name="original">See <see cref="Original"/>.</param>
    /// <param name="mask">See <see cref="Mask"/>; values between 0 and 1 mix.</param>
    /// <exception cref="ArgumentException">The shapes don't fit.</exception>
    public static RepaintInput Of(ImageBatch original, ImageBatch mask)
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(mask);
        bool fits = (mask.Height, mask.Width) == (original.Height, original.Width)
            && (mask.Channels == 1 || mask.Channels == original.Channels) && (mask.Batch == 1 || mask.Batch == original.Batch);
        return fits ? new(original, mask) : throw new ArgumentException(
            $"Repaint: got a mask {mask} for a picture {original}; expected the same height and width, and a batch and channels that are the same or 1. "
            + "Pictures are rounded down to multiples of 8, masks to multiples of 32: use one size for both, with sides that are multiples of 32.", nameof(mask));
    }

    /// <summary>Pictures as <see cref="Original"/>, as diffusers prepares them.</summary>
    /// <param name="pictures">One or more; all get the first one's size, its sides rounded down to multiples of 8 (Lanczos).</param>
    /// <exception cref="ArgumentException">There is none, or nothing is left of it.</exception>
    public static ImageBatch Prepare(IEnumerable<Image> pictures) =>
        Batch("picture", pictures, 8, ResamplingFilter.Lanczos, picture => picture.Channels == 4 ? picture.ToRgb() : picture)
            .Map(value => (2 * value) - 1);

    /// <summary>Masks as <see cref="Mask"/>, as diffusers prepares them: levels of 128 and above are kept.</summary>
    /// <param name="masks">One or more; all get the first one's size, its sides rounded down to multiples of 32 (nearest).</param>
    /// <exception cref="ArgumentException">There is none, or nothing is left of it.</exception>
    public static ImageBatch PrepareMasks(IEnumerable<Image> masks) =>
        Batch("mask", masks, 32, ResamplingFilter.Nearest, mask => mask.ToGray()).Map(value => value < 0.5f ? 0 : 1);

    /// <summary>A tensor as <see cref="Mask"/>.</summary>
    /// <param name="mask">[height, width], [channels or 1, height, width], or with a batch before that.</param>
    /// <exception cref="ArgumentException">It has another number of axes.</exception>
    public static ImageBatch MaskOf(Tensor mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return mask.Rank is >= 2 and <= 4
            ? ImageBatch.FromTensor(mask.Reshape([.. Enumerable.Repeat(1, 4 - mask.Rank), .. mask.Shape.Lengths]))
            : throw new ArgumentException($"Repaint: got a mask {mask.Shape}; expected 2, 3 or 4 axes.", nameof(mask));
    }

    /// <summary>Other jumps.</summary>
    /// <param name="length">See <see cref="JumpLength"/>.</param>
    /// <param name="samples">See <see cref="JumpSamples"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is less than 1.</exception>
    public RepaintInput WithJumps(int length, int samples)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        return this with { JumpLength = length, JumpSamples = samples };
    }

    private static ImageBatch Batch(string what, IEnumerable<Image> images, int multiple, ResamplingFilter filter, Func<Image, Image> convert)
    {
        ArgumentNullException.ThrowIfNull(images);
        Image[] all = [.. images.Select(convert)];
        if (all.Length == 0)
            throw new ArgumentException($"Repaint: got no {what}; expected one or more.", nameof(images));
        int width = all[0].Width / multiple * multiple, height = all[0].Height / multiple * multiple;
        return width > 0 && height > 0
            ? ImageBatch.FromImages(all.Select(image => image.Resize(width, height, filter)))
            : throw new ArgumentException($"Repaint: got a {what} of {all[0].Width}×{all[0].Height}; its sides must be {multiple} or more.", nameof(images));
    }
}
