namespace Diffusion.Core.Images;

/// <summary>What an inpainting model reads (the result of diffusers' <c>prepare_mask_and_masked_image</c>).</summary>
/// <param name="Mask">[N, 1, H, W]: 1 where the picture is painted anew, 0 where it stays.</param>
/// <param name="MaskedImage">[N, 3, H, W] in −1..1: the picture with 0 where it is painted anew.</param>
/// <param name="Image">[N, 3, H, W] in −1..1.</param>
public sealed record InpaintInputs(ImageBatch Mask, ImageBatch MaskedImage, ImageBatch Image)
{
    /// <summary>Prepares a picture and a mask: resized by Lanczos, to RGB in −1..1 and to 0 or 1.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="mask">The mask, of any size; 128 and more means "paint anew".</param>
    /// <param name="height">The height that both get.</param>
    /// <param name="width">The width that both get.</param>
    /// <exception cref="ArgumentException">The size is below 1.</exception>
    public static InpaintInputs Prepare(Image image, Image mask, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(mask);
        var rgb = image.Resize(width, height, ResamplingFilter.Lanczos).ToRgb();
        var gray = mask.Resize(width, height, ResamplingFilter.Lanczos).ToGray();
        return FromBatches(
            ImageBatch.FromSamples([rgb], 127.5f).Map(value => value - 1f),
            ImageBatch.FromImages([gray]));
    }

    /// <summary>Prepares numbers: the picture is taken as it is, the mask becomes 0 or 1.</summary>
    /// <param name="image">[N, 3, H, W] in −1..1.</param>
    /// <param name="mask">[N, 1, H, W] in 0..1.</param>
    /// <exception cref="ArgumentException">Shapes or ranges do not fit.</exception>
    public static InpaintInputs FromBatches(ImageBatch image, ImageBatch mask)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(mask);
        if ((image.Batch, image.Height, image.Width) != (mask.Batch, mask.Height, mask.Width) || mask.Channels != 1)
        {
            throw new ArgumentException($"InpaintInputs: got a picture {image} and a mask {mask}; expected [N, C, H, W] and [N, 1, H, W].");
        }

        RequireRange(image, -1, "picture");
        RequireRange(mask, 0, "mask");
        var binary = VaeImageProcessor.Binarize(mask);
        var area = image.Height * image.Width;
        var values = new float[image.Values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var stays = binary.Values[(i / (image.Channels * area) * area) + (i % area)] < 0.5f;
            values[i] = image.Values[i] * (stays ? 1f : 0f);
        }

        return new(binary, ImageBatch.Adopt(image.Batch, image.Channels, image.Height, image.Width, values), image);
    }

    private static void RequireRange(ImageBatch batch, float least, string what)
    {
        foreach (var value in batch.Values)
        {
            if (!(value >= least && value <= 1))
            {
                throw new ArgumentException($"InpaintInputs: the {what} has the value {value}; expected {least} to 1.");
            }
        }
    }
}
