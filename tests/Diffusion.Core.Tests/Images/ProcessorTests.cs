using System.Text.Json;
using Diffusion.Core.Images;
using FsCheck;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Images;

public class ProcessorTests
{
    private static readonly VaeImageProcessor Vae = VaeImageProcessor.Default;

    [Property]
    public bool What_goes_in_comes_out_of_the_vae_processor(int seed)
    {
        var image = Pictures.Random(seed).ToRgb();
        var processor = Vae.WithDoResize(false);
        return processor.PostprocessToImages(processor.Preprocess(image)).Single().Equals(image);
    }

    [Property]
    public bool Sizes_are_rounded_down_to_multiples_of_the_scale_factor(PositiveInt height, PositiveInt width)
    {
        var (rows, columns) = (8 + (height.Get % 60), 8 + (width.Get % 60));
        var batch = Vae.Preprocess(Image.Filled(columns, rows, 1, 2, 3));
        return batch.Shape.SequenceEqual([1, 3, rows / 8 * 8, columns / 8 * 8]);
    }

    [Theory]
    [InlineData(ResizeMode.Default)]
    [InlineData(ResizeMode.Fill)]
    [InlineData(ResizeMode.Crop)]
    public void Every_mode_gives_the_size_asked_for_and_keeps_one_colour(ResizeMode mode)
    {
        foreach (var (width, height) in new[] { (16, 8), (8, 64), (40, 40), (1, 30), (30, 1) })
        {
            var resized = Vae.Resize(Image.Filled(30, 20, 9, 8, 7), height, width, mode);

            // Odd borders of Fill and Crop stay black in diffusers too.
            Assert.Equal((width, height), (resized.Width, resized.Height));
            Assert.Equal([9, 8, 7], Enumerable.Range(0, 3).Select(channel => (int)resized[width / 2, height / 2, channel]));
        }
    }

    [Fact]
    public void Latents_and_normalised_numbers_pass_unchanged()
    {
        var latents = new ImageBatch(1, 4, 2, 2, [.. new float[16]]);
        var normalised = new ImageBatch(1, 1, 1, 2, [-1f, 0.5f]);
        var processor = Vae.WithDoResize(false);

        Assert.Same(latents, processor.PreprocessBatch(latents));
        Assert.Equal(normalised, processor.PreprocessBatch(normalised));
    }

    [Fact]
    public void Masks_become_zero_or_one()
    {
        var mask = Image.Create(4, 1, 1, [0, 127, 128, 255]);

        Assert.Equal([0f, 0f, 1f, 1f], VaeImageProcessor.Mask.WithDoResize(false).Preprocess(mask).Values);
    }

    [Fact]
    public void A_mask_that_is_empty_or_full()
    {
        Assert.Throws<ArgumentException>(() => VaeImageProcessor.GetCropRegion(Image.Filled(8, 8, 0), 8, 8));
        Assert.Equal(new PixelRegion(0, 0, 8, 8), VaeImageProcessor.GetCropRegion(Image.Filled(8, 8, 255), 8, 8, 3));
        Assert.Equal(new PixelRegion(0, 0, 16, 8), VaeImageProcessor.GetCropRegion(Image.Filled(16, 8, 1), 8, 8));
    }

    [Property]
    public bool A_crop_region_lies_inside_and_holds_the_mask(PositiveInt x, PositiveInt y, byte pad, PositiveInt width, PositiveInt height)
    {
        var (left, top) = (x.Get % 30, y.Get % 20);
        var mask = Image.Filled(32, 24, 0).Paste(Image.Filled(2, 3, 200), left, top);
        var region = VaeImageProcessor.GetCropRegion(mask, 1 + (width.Get % 64), 1 + (height.Get % 64), pad % 8);
        return region.Left >= 0 && region.Top >= 0 && region.Right <= 32 && region.Bottom <= 24
            && region.Left <= left && region.Top <= top && region.Right >= left + 2 && region.Bottom >= Math.Min(top + 3, 24);
    }

    [Fact]
    public void An_overlay_keeps_the_first_picture_where_the_mask_is_black()
    {
        var (before, after) = (Pictures.Random(8, 8, 3, 1), Pictures.Random(8, 8, 3, 2));

        Assert.Equal(before, Vae.ApplyOverlay(Image.Filled(8, 8, 0), before, after));
        Assert.Equal(after, Vae.ApplyOverlay(Image.Filled(8, 8, 255), before, after));
    }

    [Fact]
    public void Settings_that_contradict_or_do_not_fit_are_refused()
    {
        var image = Image.Filled(16, 16, 1, 2, 3);

        Assert.Throws<ArgumentException>(() => Vae.WithDoConvertRgb(true).WithDoConvertGrayscale(true).Preprocess(image));
        Assert.Throws<ArgumentException>(() => Vae.WithVaeScaleFactor(0).Preprocess(image));
        Assert.Throws<ArgumentException>(() => Vae.Preprocess(image, height: 7));
        Assert.Throws<ArgumentException>(() => Vae.PreprocessAll([]));
        Assert.Throws<ArgumentException>(() => Vae.Postprocess(Vae.Preprocess(image), [true, false]));
        Assert.Throws<ArgumentException>(() => Vae.WithDoResize(false).PreprocessAll([image, image.ToGray()]));
    }

    [Fact]
    public void Clip_settings_are_read_and_small_pictures_padded()
    {
        using var json = JsonDocument.Parse(
            """{ "size": 8, "crop_size": { "height": 6, "width": 10 }, "do_normalize": false, "resample": 0 }""");

        var processor = ClipImageProcessor.FromJson(json.RootElement);
        var batch = processor.Preprocess(Image.Filled(4, 4, 255));

        Assert.Equal((8, 6, 10), (processor.ShortestEdge, processor.CropHeight, processor.CropWidth));
        Assert.Equal(ResamplingFilter.Nearest, processor.Resample);
        Assert.Equal([1, 3, 6, 10], batch.Shape);
        Assert.Equal([0f, 1f, 1f, 1f, 1f, 1f, 1f, 1f, 1f, 0f], batch.Values.Take(10));
    }

    [Theory]
    [InlineData("""{ "size": "large" }""")]
    [InlineData("""{ "size": { "edge": 3 } }""")]
    [InlineData("""{ "resample": 77 }""")]
    [InlineData("""{ "image_mean": [1, "a"] }""")]
    public void Clip_settings_of_the_wrong_kind_are_refused(string text)
    {
        using var json = JsonDocument.Parse(text);

        Assert.Throws<InvalidDataException>(() => ClipImageProcessor.FromJson(json.RootElement));
    }

    [Fact]
    public void Inpainting_inputs_check_shapes_and_ranges()
    {
        var image = new ImageBatch(1, 3, 1, 2, [1, -1, 1, -1, 1, -1]);

        Assert.Equal([0f, -1f, 0f, -1f, 0f, -1f], InpaintInputs.FromBatches(image, new(1, 1, 1, 2, [0.5f, 0.4f])).MaskedImage.Values);
        Assert.Throws<ArgumentException>(() => InpaintInputs.FromBatches(image, new(1, 1, 2, 1, [0, 1])));
        Assert.Throws<ArgumentException>(() => InpaintInputs.FromBatches(image, new(1, 1, 1, 2, [0, 2])));
        Assert.Throws<ArgumentException>(() => InpaintInputs.FromBatches(image.Map(_ => float.NaN), new(1, 1, 1, 2, [0, 1])));
    }

    [Property]
    public bool Channels_last_and_back_is_identity(int seed)
    {
        var batch = ImageBatch.FromImages([Pictures.Random(seed)]);
        var back = ImageBatch.FromChannelsLast(batch.Batch, batch.Height, batch.Width, batch.Channels, batch.ToChannelsLast().AsSpan());
        return back.Equals(batch) && ImageBatch.Concat([batch, batch]).Item(1).Equals(batch);
    }
}
