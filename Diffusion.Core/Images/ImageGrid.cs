namespace Diffusion.Core.Images;

/// <summary>Lays pictures out in rows and columns.</summary>
internal static class ImageGrid
{
    public static Image Arrange(IEnumerable<Image> images, ImageGridOptions options)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(options);
        Image[] pictures = [.. images];
        if (pictures.Length == 0)
        {
            throw new ArgumentException("Image.Grid: got no pictures; expected at least one.", nameof(images));
        }

        if (options.Columns < 0 || options.Padding < 0)
        {
            throw new ArgumentException(
                $"Image.Grid: got {options.Columns} columns and {options.Padding} pixels of padding; expected 0 or "
                + "more of both.", nameof(options));
        }

        var columns = options.Columns > 0 ? options.Columns : (int)Math.Ceiling(Math.Sqrt(pictures.Length));
        var rows = (pictures.Length + columns - 1) / columns;
        var (width, height) = (pictures[0].Width, pictures[0].Height);
        var labelHeight = options.Labels.IsDefaultOrEmpty ? 0 : BitmapFont.Height + 4;
        var cellWidth = width + options.Padding;
        var cellHeight = height + labelHeight + options.Padding;
        var canvas = new Canvas(
            checked((columns * cellWidth) + options.Padding), checked((rows * cellHeight) + options.Padding), options.Background);
        for (var i = 0; i < pictures.Length; i++)
        {
            var left = options.Padding + (i % columns * cellWidth);
            var top = options.Padding + (i / columns * cellHeight);
            canvas.Put(pictures[i].ToRgb().Resize(width, height), left, top);
            if (labelHeight > 0 && i < options.Labels.Length)
            {
                canvas.Put(Label(options.Labels[i], width, labelHeight, options.Background), left, top + height);
            }
        }

        return canvas.ToImage();
    }

    private static Image Label(string text, int width, int height, byte background)
    {
        var strip = Image.Filled(width, height, background, background, background);
        var drawn = BitmapFont.Draw(text, background < 128 ? (byte)255 : (byte)0, background).ToRgb();
        return strip.Paste(drawn, Math.Max((width - drawn.Width) / 2, 0), 2);
    }

    // Local and written once: pasting many pictures one by one would copy the whole grid for each.
    private sealed class Canvas
    {
        private readonly int width;
        private readonly int height;
        private readonly byte[] pixels;

        public Canvas(int width, int height, byte background)
        {
            (this.width, this.height) = (width, height);
            pixels = new byte[Image.SampleCount(width, height, 3)];
            Array.Fill(pixels, background);
        }

        public void Put(Image image, int left, int top) => Compositing.Copy(image, pixels, width, height, left, top);

        public Image ToImage() => Image.Adopt(width, height, 3, pixels);
    }
}
