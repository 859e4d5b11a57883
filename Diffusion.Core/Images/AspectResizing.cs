namespace Diffusion.Core.Images;

/// <summary>Resizing that keeps the aspect ratio, as diffusers' image processor does it; always RGB and always by Lanczos.</summary>
internal static class AspectResizing
{
    public static Image Fill(Image image, int width, int height)
    {
        RequireSize(width, height);
        var ratio = (double)width / height;
        var sourceRatio = (double)image.Width / image.Height;
        var fitWidth = ratio < sourceRatio ? width : ScaledWidth(image, height);
        var fitHeight = ratio >= sourceRatio ? height : ScaledHeight(image, width);
        var fitted = image.Resize(fitWidth, fitHeight, ResamplingFilter.Lanczos);
        var (left, top) = ((width / 2) - (fitWidth / 2), (height / 2) - (fitHeight / 2));
        var result = Image.Filled(width, height, 0, 0, 0).Paste(fitted, left, top);
        if (ratio < sourceRatio && top > 0)
        {
            // The boxes are lines without height: a stretched copy of the edge itself.
            return result
                .Paste(fitted.ResizeBox(new(0, 0, width, 0), width, top), 0, 0)
                .Paste(fitted.ResizeBox(new(0, fitHeight, width, fitHeight), width, top), 0, top + fitHeight);
        }

        return ratio > sourceRatio && left > 0
            ? result
                .Paste(fitted.ResizeBox(new(0, 0, 0, height), left, height), 0, 0)
                .Paste(fitted.ResizeBox(new(fitWidth, 0, fitWidth, height), left, height), left + fitWidth, 0)
            : result;
    }

    public static Image Crop(Image image, int width, int height)
    {
        RequireSize(width, height);
        var ratio = (double)width / height;
        var sourceRatio = (double)image.Width / image.Height;
        var coverWidth = ratio > sourceRatio ? width : ScaledWidth(image, height);
        var coverHeight = ratio <= sourceRatio ? height : ScaledHeight(image, width);
        var (left, top) = ((width / 2) - (coverWidth / 2), (height / 2) - (coverHeight / 2));
        return Image.Filled(width, height, 0, 0, 0).Paste(image.Resize(coverWidth, coverHeight, ResamplingFilter.Lanczos), left, top);
    }

    private static void RequireSize(int width, int height)
    {
        if (width < 1 || height < 1)
        {
            throw new ArgumentException($"VaeImageProcessor.Resize: got a new size of {width}×{height}; expected at least 1×1.");
        }
    }

    // At least 1: a strip of a picture still has to be seen.
    private static int ScaledWidth(Image image, int height) => Math.Max((int)((long)image.Width * height / image.Height), 1);

    private static int ScaledHeight(Image image, int width) => Math.Max((int)((long)image.Height * width / image.Width), 1);
}
