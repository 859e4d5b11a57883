using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Core.Tensors;

namespace Diffusion.Dsl.Pipelines;

/// <summary>
/// What RePaint (Lugmayr et al., arXiv:2201.09865) starts from: a picture, and which part of it to keep. The run jumps back now and then,
/// so that the new part comes to fit the old one.
/// </summary>
/// <param name="Original">The picture. Its sides are cut to multiples of 8 by resizing.</param>
/// <param name="Mask">White (128 and above) where the picture is kept, black where it is made anew; resized to multiples of 32.</param>
/// <param name="JumpLength">How far back each jump goes, in steps, 1 or more.</param>
/// <param name="JumpSamples">How often each stretch is done, 1 or more.</param>
public sealed record RepaintInput(Image Original, Image Mask, int JumpLength = 10, int JumpSamples = 10)
{
    /// <summary>The picture as the model sees it: [1, channels, height, width] in −1 … 1.</summary>
    internal Tensor OriginalTensor(int channels, Device device)
    {
        var image = Resized(channels == 1 ? Original.ToGray() : Original.ToRgb(), 8, ResamplingFilter.Lanczos);
        return ToTensor(ImageBatch.FromImages([image]).Map(value => (2 * value) - 1), device);
    }

    /// <summary>1 where the picture is kept, else 0: [1, 1, height, width].</summary>
    internal Tensor MaskTensor(Device device) => ToTensor(
        ImageBatch.FromImages([Resized(Mask.ToGray(), 32, ResamplingFilter.Nearest)]).Map(value => value < 0.5f ? 0 : 1), device);

    private static Image Resized(Image image, int multiple, ResamplingFilter filter)
    {
        int width = image.Width / multiple * multiple, height = image.Height / multiple * multiple;
        return width == 0 || height == 0
            ? throw new ArgumentException($"Repaint: a picture of {image.Width}x{image.Height} is too small; its sides must be {multiple} or more.", nameof(image))
            : image.Resize(width, height, filter);
    }

    private static Tensor ToTensor(ImageBatch batch, Device device) => Tensor.From(batch.Values.AsSpan(), new Shape(batch.Shape), device);
}
