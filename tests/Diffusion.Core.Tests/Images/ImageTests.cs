using Diffusion.Core.Images;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Images;

public class ImageTests
{
    [Theory]
    [InlineData(0, 1, 3, 0)]
    [InlineData(1, 0, 3, 0)]
    [InlineData(-1, 1, 3, 0)]
    [InlineData(2, 2, 2, 8)]
    [InlineData(2, 2, 3, 11)]
    [InlineData(100_000, 100_000, 4, 0)]
    public void Sizes_that_do_not_fit_are_refused(int width, int height, int channels, int samples) =>
        Assert.Throws<ArgumentException>(() => Image.Create(width, height, channels, [.. new byte[samples]]));

    [Fact]
    public void Floats_are_rounded_half_to_even_and_clamped()
    {
        var image = Image.FromFloats(4, 2, 1, [0.5f / 255, 1.5f / 255, 2.5f / 255, 1f, -3f, 7f, float.NaN, 0.25f]);

        Assert.Equal([0, 2, 2, 255, 0, 255, 0, 64], image.Pixels);
    }

    [Property]
    public bool Floats_and_back_is_identity(int seed)
    {
        var image = Pictures.Random(seed);
        return Image.FromFloats(image.Width, image.Height, image.Channels, image.ToFloats().AsSpan()).Equals(image);
    }

    [Property]
    public bool Flipping_twice_is_identity(int seed)
    {
        var image = Pictures.Random(seed);
        return image.FlipHorizontal().FlipHorizontal().Equals(image) && image.FlipVertical().FlipVertical().Equals(image)
            && image.FlipHorizontal()[0, 0, 0] == image[image.Width - 1, 0, 0]
            && image.FlipVertical()[0, 0, 0] == image[0, image.Height - 1, 0];
    }

    [Property]
    public bool What_was_pasted_can_be_cut_out_again(int seed, sbyte left, sbyte top)
    {
        var small = Pictures.Random(seed, 10);
        var pasted = Image.Filled(300, 300, new byte[small.Channels]).Paste(small, left + 128, top + 128);
        return pasted.Crop(new(left + 128, top + 128, left + 128 + small.Width, top + 128 + small.Height)).Equals(small);
    }

    [Property]
    public bool A_crop_beyond_the_edges_is_zero_there(int seed, byte margin)
    {
        var image = Pictures.Random(seed, 10);
        var wide = image.Crop(new(-margin, -margin, image.Width + margin, image.Height + margin));
        return wide.Crop(new(margin, margin, margin + image.Width, margin + image.Height)).Equals(image)
            && wide.Pixels.Sum(value => (long)value) == image.Pixels.Sum(value => (long)value);
    }

    [Fact]
    public void A_paste_far_outside_changes_nothing()
    {
        var image = Pictures.Random(5, 5, 3, 1);

        Assert.Equal(image, image.Paste(image, int.MaxValue, int.MinValue));
        Assert.Equal(image, image.Paste(image, -5, 0));
    }

    [Fact]
    public void Gray_is_the_luma_of_ITU_R_601() =>
        Assert.Equal([76, 150, 29, 255], Image.Create(4, 1, 3, [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]).ToGray().Pixels);

    [Fact]
    public void Conversions_repeat_gray_add_opaque_alpha_and_drop_alpha()
    {
        var gray = Image.Filled(1, 1, 7);

        Assert.Equal([7, 7, 7, 255], gray.ToRgba().Pixels);
        Assert.Equal([1, 2, 3], Image.Filled(1, 1, 1, 2, 3, 0).ToRgb().Pixels);
        Assert.Equal(gray, gray.ToRgba().ToGray());
    }

    [Fact]
    public void Alpha_composite_of_transparent_and_opaque_pictures()
    {
        var below = Pictures.Random(6, 6, 3, 3).ToRgba();
        var above = Pictures.Random(6, 6, 3, 4).ToRgba();

        Assert.Equal(below, below.AlphaComposite(Image.Filled(6, 6, 1, 2, 3, 0)));
        Assert.Equal(above, below.AlphaComposite(above));
        Assert.Throws<ArgumentException>(() => below.AlphaComposite(Image.Filled(5, 6, 0)));
    }

    [Fact]
    public void Derived_pictures_keep_the_text()
    {
        var image = Pictures.Random(8, 8, 4, 2).WithText("prompt", "a fox");

        Assert.All(
            [image.Resize(4, 4), image.ToGray(), image.GaussianBlur(2), image.Crop(new(0, 0, 2, 2)), image.FlipVertical(), image.Invert()],
            derived => Assert.Equal("a fox", derived.Text["prompt"]));
        Assert.Empty(image.WithoutText().Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" prompt")]
    [InlineData("two  spaces")]
    [InlineData("ключ")]
    [InlineData("line\nbreak")]
    public void Keywords_that_no_file_can_hold_are_refused(string keyword) =>
        Assert.Throws<ArgumentException>(() => Image.Filled(1, 1, 0).WithText(keyword, "value"));

    [Fact]
    public void Values_that_no_file_can_hold_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Image.Filled(1, 1, 0).WithText("k", "nul\0"));
        Assert.Throws<ArgumentException>(() => Image.Filled(1, 1, 0).WithText("k", "half \ud800 a pair"));
        Assert.Throws<ArgumentException>(() => Image.Filled(1, 1, 0).WithText(new string('k', 80), "value"));
    }

    [Fact]
    public void Grid_puts_pictures_row_after_row()
    {
        var pictures = Enumerable.Range(0, 5).Select(i => Image.Filled(2, 3, (byte)(10 * (i + 1)))).ToArray();

        var grid = Image.Grid(pictures, 3);

        Assert.Equal((6, 6, 3), (grid.Width, grid.Height, grid.Channels));
        Assert.Equal([10, 30, 40, 50, 0], new[] { grid[0, 0, 0], grid[5, 2, 1], grid[1, 5, 2], grid[2, 3, 0], grid[4, 3, 0] });
        Assert.Equal((6, 6), (Image.Grid(pictures).Width, Image.Grid(pictures).Height));
    }

    [Fact]
    public void Grid_with_padding_and_labels_makes_room_for_both()
    {
        var options = ImageGridOptions.Default.WithColumns(2).WithPadding(3).WithBackground(255).WithLabels("a fox", "ünïcode");

        var grid = Image.GridWith(options, [Image.Filled(40, 20, 1), Image.Filled(40, 20, 2)]);

        Assert.Equal((89, 38), (grid.Width, grid.Height));
        Assert.Contains(grid.Crop(new(3, 23, 43, 35)).Pixels, value => value == 0);
        Assert.Equal(255, grid[0, 0, 0]);
        Assert.Throws<ArgumentException>(() => Image.Grid([]));
        Assert.Throws<ArgumentException>(() => Image.Grid([grid], -1));
    }

    [Fact]
    public void Equality_is_by_value()
    {
        var image = Pictures.Random(3, 3, 3, 1);
        var same = Pictures.Random(3, 3, 3, 1);

        Assert.Equal(image, same);
        Assert.Equal(image.GetHashCode(), same.GetHashCode());
        Assert.NotEqual(image, same.WithText("k", "v"));
        Assert.NotEqual(image, same.Invert());
        Assert.False(image.Equals(null));
    }
}
