namespace Diffusion.Core.Images;

/// <summary>The region of a mask that inpainting looks at (diffusers' <c>get_crop_region</c>).</summary>
internal static class CropRegion
{
    public static PixelRegion Of(Image mask, int width, int height, int pad)
    {
        if (width < 1 || height < 1 || pad < 0)
        {
            throw new ArgumentException(
                $"VaeImageProcessor.GetCropRegion: got {width}×{height} and a padding of {pad}; expected at least 1×1 and 0.");
        }

        var bounds = Bounds(mask.ToGray());
        var (left, top) = (Math.Max(bounds.Left - pad, 0), Math.Max(bounds.Top - pad, 0));
        var (right, bottom) = (Math.Min(bounds.Right + pad, mask.Width), Math.Min(bounds.Bottom + pad, mask.Height));

        var ratio = (double)width / height;
        if ((double)(right - left) / (bottom - top) > ratio)
        {
            var more = (int)(((right - left) / ratio) - (bottom - top));
            (top, bottom) = Widen(top, bottom, more, mask.Height);
        }
        else
        {
            var more = (int)(((bottom - top) * ratio) - (right - left));
            (left, right) = Widen(left, right, more, mask.Width);
        }

        return new(left, top, right, bottom);
    }

    // Half on both sides, then moved inside, then cut off.
    private static (int Low, int High) Widen(int low, int high, int more, int size)
    {
        low -= more / 2;
        high += more - (more / 2);
        if (high >= size)
        {
            (low, high) = (low - (high - size), size);
        }

        if (low < 0)
        {
            (low, high) = (0, high - low);
        }

        return (low, Math.Min(high, size));
    }

    private static PixelRegion Bounds(Image mask)
    {
        var (left, top, right, bottom) = (mask.Width, mask.Height, 0, 0);
        for (var y = 0; y < mask.Height; y++)
        {
            for (var x = 0; x < mask.Width; x++)
            {
                if (mask.Pixels[(y * mask.Width) + x] != 0)
                {
                    (left, right) = (Math.Min(left, x), Math.Max(right, x + 1));
                    (top, bottom) = (Math.Min(top, y), Math.Max(bottom, y + 1));
                }
            }
        }

        return right > left
            ? new(left, top, right, bottom)
            : throw new ArgumentException(
                "VaeImageProcessor.GetCropRegion: the mask is 0 everywhere, so there is nothing to look at; expected "
                + "at least one pixel that is not 0.");
    }
}
