using Diffusion.Core.Images;
using FsCheck;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Images;

public class ResamplingTests
{
    public static TheoryData<ResamplingFilter> Filters => [.. Enum.GetValues<ResamplingFilter>()];

    [Theory]
    [MemberData(nameof(Filters))]
    public void Resizing_to_the_same_size_is_identity(ResamplingFilter filter) => Assert.All(
        Enumerable.Range(0, 20).Select(seed => Pictures.Random(seed)),
        image => Assert.Equal(image, image.Resize(image.Width, image.Height, filter)));

    [Property]
    public bool One_colour_stays_one_colour(PositiveInt width, PositiveInt height, byte value, int seed)
    {
        var filter = (ResamplingFilter)((uint)seed % 6);
        var image = Image.Filled(1 + (width.Get % 50), 1 + (height.Get % 50), value, 0, 255);
        var resized = image.Resize(1 + (height.Get % 70), 1 + (width.Get % 70), filter);
        return resized.Equals(Image.Filled(resized.Width, resized.Height, value, 0, 255));
    }

    [Property]
    public bool Nearest_to_a_multiple_repeats_pixels(int seed, PositiveInt factor)
    {
        var image = Pictures.Random(seed, 12);
        var times = 1 + (factor.Get % 5);
        var large = image.Resize(image.Width * times, image.Height * times, ResamplingFilter.Nearest);
        return large.Resize(image.Width, image.Height, ResamplingFilter.Nearest).Equals(image)
            && large[large.Width - 1, 0, 0] == image[image.Width - 1, 0, 0];
    }

    [Fact]
    public void Box_halves_a_picture_to_the_mean_of_four_pixels() => Assert.Equal(
        [25, 65], Image.Create(4, 2, 1, [10, 20, 50, 60, 30, 40, 70, 80]).Resize(2, 1, ResamplingFilter.Box).Pixels);

    [Fact]
    public void Colours_of_transparent_pixels_do_not_bleed()
    {
        var image = Image.Create(2, 1, 4, [200, 0, 0, 255, 0, 255, 0, 0]);

        var pixel = image.Resize(1, 1, ResamplingFilter.Box).Pixels;

        Assert.Equal((0, 0, 128), (pixel[1], pixel[2], pixel[3]));
        Assert.InRange(pixel[0], 199, 201);
    }

    [Fact]
    public void Sizes_and_boxes_that_do_not_fit_are_refused()
    {
        var image = Image.Filled(4, 4, 9);

        Assert.Throws<ArgumentException>(() => image.Resize(0, 4));
        Assert.Throws<ArgumentException>(() => image.Resize(100_000, 100_000));
        Assert.Throws<ArgumentException>(() => image.ResizeBox(new(0, 0, 5, 4), 2, 2));
        Assert.Throws<ArgumentException>(() => image.ResizeBox(new(-1, 0, 4, 4), 2, 2));
        Assert.Throws<ArgumentException>(() => image.ResizeBox(new(float.NaN, 0, 4, 4), 2, 2));
        Assert.Throws<ArgumentException>(() => image.Resize(2, 2, (ResamplingFilter)99));
    }

    [Fact]
    public void A_box_without_height_stretches_an_edge()
    {
        var image = Pictures.Gradient(6, 6, 1);

        var edge = image.ResizeBox(new(0, 6, 6, 6), 6, 3);

        Assert.Equal(edge.Crop(new(0, 0, 6, 1)).Pixels, edge.Crop(new(0, 2, 6, 3)).Pixels);
    }

    [Fact]
    public void Blur_keeps_one_colour_and_the_total_and_takes_any_radius()
    {
        var flat = Image.Filled(9, 5, 77, 0, 255);
        var dot = Image.Filled(31, 31, 0).Paste(Image.Filled(1, 1, 255), 15, 15);

        Assert.All([0f, 0.3f, 1f, 4f, 100f, 9999f], radius => Assert.Equal(flat, flat.GaussianBlur(radius)));
        Assert.InRange(dot.GaussianBlur(1).Pixels.Sum(value => value), 235, 275);
        Assert.Equal(dot.GaussianBlur(2), dot.GaussianBlur(2).FlipHorizontal());
        Assert.Throws<ArgumentException>(() => dot.GaussianBlur(-1));
        Assert.Throws<ArgumentException>(() => dot.GaussianBlur(float.NaN));
    }
}
