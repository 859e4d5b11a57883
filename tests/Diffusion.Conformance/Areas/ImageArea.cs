using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Diffusion.Core.Formats;
using Diffusion.Core.Images;

namespace Diffusion.Conformance.Areas;

/// <summary>
/// <c>image</c>: Pillow's resizing and blurring, and the image processors of VAEs, CLIP and inpainting. The names of the
/// tensors say what was done; one case for each result.
/// </summary>
public static class ImageArea
{
    private const double OneLevel = 1;
    private const double Exact = 1e-5;

    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from path in Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal)
        from result in RunFile(path, options)
        select result;

    private static IEnumerable<CaseResult> RunFile(string path, ConformanceOptions options)
    {
        using var file = SafetensorsFile.Open(path);
        using var json = File.Exists(Path.ChangeExtension(path, ".json"))
            ? JsonDocument.Parse(File.ReadAllBytes(Path.ChangeExtension(path, ".json")))
            : JsonDocument.Parse("{}");
        var name = Path.GetFileNameWithoutExtension(path);
        var source = new Source(file, json.RootElement);
        var cases = name switch
        {
            "pil" => PillowCases(source),
            "clip_image_processor" => ClipCases(source),
            "vae_image_processor" => VaeCases(source),
            "prepare_mask_and_masked_image" => MaskCases(source),
            _ => [("*", () => Verdict.Skip($"the processor {name} isn't known."))],
        };
        foreach (var (part, check) in cases.OrderBy(item => item.Name, StringComparer.Ordinal))
        {
            foreach (var result in options.Case($"image/{name}/{part}", check))
                yield return result;
        }
    }

    /// <summary>Tensors and settings of a file, as pictures and numbers.</summary>
    private sealed record Source(SafetensorsFile File, JsonElement Settings)
    {
        public IEnumerable<string> Names => File.Names;

        public float[] Floats(string name) => File.ToFloats(name);

        public int[] Shape(string name) => [.. File.Entry(name).Shape.Select(size => (int)size)];

        public bool Has(string name) => File.Names.Contains(name);

        /// <summary>A picture stored as values 0..255 in the order H, W or H, W, C.</summary>
        public Image Picture(string name)
        {
            var shape = Shape(name);
            return Image.Create(shape[1], shape[0], shape.Length == 2 ? 1 : shape[2], [.. Floats(name).Select(value => (byte)value)]);
        }

        public ImageBatch Planes(string name)
        {
            var shape = Shape(name);
            return new(shape[0], shape[1], shape[2], shape[3], [.. Floats(name)]);
        }

        public ImageBatch ChannelsLast(string name)
        {
            var shape = Shape(name);
            return ImageBatch.FromChannelsLast(shape[0], shape[1], shape[2], shape[3], Floats(name));
        }

        public Verdict Same(string name, Image actual) => Same(name, actual, OneLevel);

        public Verdict Same(string name, Image actual, double tolerance) => Compare.Absolute(
            name, Floats(name), [.. actual.Pixels.Select(value => (float)value)], tolerance);

        public Verdict Same(string name, ImageBatch actual) =>
            Compare.Equal($"{name} shape", Shape(name), actual.Shape)
                .And(Compare.Absolute(name, Floats(name), actual.Values.AsSpan(), Exact));
    }

    // resize[_<source>]/<filter>/<w>x<h>, resize_box[_<source>]/<filter>/box_<l>_<t>_<r>_<b>_to_<w>x<h>, gaussian_blur[_<source>]/<radius>
    private static IEnumerable<(string Name, Func<Verdict> Check)> PillowCases(Source source) =>
        from name in source.Names
        where name.Contains('/', StringComparison.Ordinal)
        select (name, (Func<Verdict>)(() => Pillow(source, name)));

    private static Verdict Pillow(Source source, string name)
    {
        var parts = name.Split('/');
        var kind = new[] { "resize_box", "resize", "gaussian_blur" }
            .FirstOrDefault(known => parts[0] == known || parts[0].StartsWith(known + "_", StringComparison.Ordinal));
        var input = kind is null || parts[0] == kind ? "rgb" : parts[0][(kind.Length + 1)..];
        if (kind is null || !source.Has(input))
            return Verdict.Skip($"the operation '{parts[0]}' isn't known.");

        var picture = source.Picture(input);
        if (kind == "gaussian_blur")
            return source.Same(name, picture.GaussianBlur(Number(parts[1])));

        var filter = Filter(parts[1]);
        if (kind == "resize")
        {
            var (width, height) = Size(parts[2]);
            return source.Same(name, picture.Resize(width, height, filter));
        }

        var numbers = parts[2].Split("_to_");
        var edges = numbers[0].Split('_').Skip(1).Select(Number).ToArray();
        var (boxWidth, boxHeight) = Size(numbers[1]);
        return source.Same(name, picture.ResizeBox(new(edges[0], edges[1], edges[2], edges[3]), boxWidth, boxHeight, filter));
    }

    private static IEnumerable<(string Name, Func<Verdict> Check)> ClipCases(Source source) =>
        from name in source.Names
        where name.EndsWith("/in_u8", StringComparison.Ordinal)
        let part = name[..^"/in_u8".Length]
        select (part, (Func<Verdict>)(() => source.Same(
            $"{part}/pixel_values", ClipImageProcessor.FromJson(source.Settings.GetProperty(part)).Preprocess(source.Picture(name)))));

    private static IEnumerable<(string Name, Func<Verdict> Check)> VaeCases(Source source)
    {
        foreach (var name in source.Names)
        {
            var (part, leaf) = Split(name);
            if (part.StartsWith("preprocess/", StringComparison.Ordinal) && leaf == "out")
                yield return (part, () => Preprocess(source, part));
            else if (part is "preprocess_np" or "preprocess_pt" && leaf != "in")
                yield return (name, () => PreprocessNumbers(source, part, name));
            else if (part == "postprocess" && leaf != "in")
                yield return (name, () => Postprocess(source, leaf, name));
            else if (part == "apply_overlay" && leaf is "full" or "crop")
                yield return (name, () => ApplyOverlay(source, leaf, name));
            else if (part.StartsWith("blur", StringComparison.Ordinal) && leaf == "out")
                yield return (part, () => source.Same(name, VaeImageProcessor.Blur(source.Picture($"{part}/in_u8"), Number(part[4..]))));
            else if (leaf is not ("in" or "in_u8" or "image_u8" or "init_u8" or "mask_u8"))
                yield return (name, () => Verdict.Skip("this result isn't known."));
        }

        if (source.Settings.TryGetProperty("get_crop_region", out var regions))
        {
            foreach (var (region, index) in regions.EnumerateArray().Select((region, index) => (region, index)))
                yield return ($"get_crop_region/{index}", () => GetCropRegion(region));
        }
    }

    private static Verdict Preprocess(Source source, string part)
    {
        var settings = source.Settings.GetProperty(part);
        var config = settings.GetProperty("config");
        var arguments = settings.GetProperty("args");
        var processor = new VaeImageProcessor
        {
            DoResize = Flag(config, "do_resize", true),
            VaeScaleFactor = Optional(config, "vae_scale_factor") ?? 8,
            Resample = Filter(config.TryGetProperty("resample", out var filter) ? filter.GetString()! : "lanczos"),
            DoNormalize = Flag(config, "do_normalize", true),
            DoBinarize = Flag(config, "do_binarize", false),
            DoConvertRgb = Flag(config, "do_convert_rgb", false),
            DoConvertGrayscale = Flag(config, "do_convert_grayscale", false),
        };
        var mode = arguments.TryGetProperty("resize_mode", out var text)
            ? Enum.Parse<ResizeMode>(text.GetString()!, ignoreCase: true)
            : ResizeMode.Default;
        PixelRegion? crop = arguments.TryGetProperty("crops_coords", out var box) ? Region(box) : null;
        return source.Same($"{part}/out", processor.Preprocess(
            source.Picture($"{part}/in_u8"), Optional(arguments, "height"), Optional(arguments, "width"), mode, crop));
    }

    // The size asked for is the result's own.
    private static Verdict PreprocessNumbers(Source source, string part, string name)
    {
        var shape = source.Shape(name);
        var batch = part == "preprocess_np" ? source.ChannelsLast($"{part}/in") : source.Planes($"{part}/in");
        return source.Same(name, VaeImageProcessor.Default.WithVaeScaleFactor(2).PreprocessBatch(batch, shape[2], shape[3]));
    }

    private static Verdict Postprocess(Source source, string leaf, string name)
    {
        var batch = source.Planes("postprocess/in");
        var processor = VaeImageProcessor.Default;
        var denormalize = leaf.StartsWith("no_denorm", StringComparison.Ordinal)
            ? DenormalizedPictures(source.Floats(name), batch.Batch)
            : null;
        return leaf.Split('_')[^1] switch
        {
            "pt" => source.Same(name, processor.Postprocess(batch, denormalize)),
            "np" => Compare.Absolute(name, source.Floats(name), processor.Postprocess(batch, denormalize).ToChannelsLast().AsSpan(), Exact),
            "pil" => Compare.Absolute(
                name,
                source.Floats(name),
                [.. processor.PostprocessToImages(batch, denormalize).SelectMany(image => image.Pixels).Select(value => (float)value)],
                0),
            var other => Verdict.Skip($"the output type '{other}' isn't known."),
        };
    }

    // Which pictures were denormalised isn't stored. Denormalised ones are clamped to 0..1; the others aren't.
    private static bool[] DenormalizedPictures(float[] reference, int batch) =>
        [.. reference.Chunk(reference.Length / batch).Select(picture => picture.All(value => value is >= 0 and <= 1))];

    private static Verdict ApplyOverlay(Source source, string leaf, string name)
    {
        PixelRegion? region = leaf == "crop" ? Region(source.Settings.GetProperty("apply_overlay").GetProperty("crop_coords")) : null;
        var (mask, before, after) = (
            source.Picture("apply_overlay/mask_u8"), source.Picture("apply_overlay/init_u8"), source.Picture("apply_overlay/image_u8"));
        return source.Same(name, VaeImageProcessor.Default.ApplyOverlay(mask, before, after, region));
    }

    private static Verdict GetCropRegion(JsonElement settings)
    {
        var size = Integers(settings.GetProperty("mask_size"));
        var filled = Region(settings.GetProperty("filled_box"));
        var mask = Image.Filled(size[0], size[1], 0).Paste(Image.Filled(filled.Width, filled.Height, 255), filled.Left, filled.Top);
        var region = VaeImageProcessor.GetCropRegion(
            mask, settings.GetProperty("width").GetInt32(), settings.GetProperty("height").GetInt32(), Optional(settings, "pad") ?? 0);
        return Compare.Equal("region", Integers(settings.GetProperty("region")), [region.Left, region.Top, region.Right, region.Bottom]);
    }

    private static IEnumerable<(string Name, Func<Verdict> Check)> MaskCases(Source source) =>
        from name in source.Names
        where name.EndsWith("/image_u8", StringComparison.Ordinal)
        let part = name[..^"/image_u8".Length]
        select (part, (Func<Verdict>)(() =>
        {
            var shape = source.Shape($"{part}/image");
            var inputs = InpaintInputs.Prepare(source.Picture(name), source.Picture($"{part}/mask_u8"), shape[2], shape[3]);
            return source.Same($"{part}/image", inputs.Image)
                .And(source.Same($"{part}/mask", inputs.Mask))
                .And(source.Same($"{part}/masked_image", inputs.MaskedImage));
        }));

    private static (string Part, string Leaf) Split(string name)
    {
        var slash = name.LastIndexOf('/');
        return slash < 0 ? ("", name) : (name[..slash], name[(slash + 1)..]);
    }

    private static (int Width, int Height) Size(string text)
    {
        var numbers = text.Split('x').Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        return (numbers[0], numbers[1]);
    }

    private static ResamplingFilter Filter(string name) => Enum.Parse<ResamplingFilter>(name, ignoreCase: true);

    private static float Number(string text) => float.Parse(text, CultureInfo.InvariantCulture);

    private static bool Flag(JsonElement settings, string name, bool fallback) =>
        settings.TryGetProperty(name, out var value) ? value.GetBoolean() : fallback;

    private static int? Optional(JsonElement settings, string name) =>
        settings.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt32() : null;

    private static ImmutableArray<int> Integers(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetInt32())];

    private static PixelRegion Region(JsonElement array)
    {
        var edges = Integers(array);
        return new(edges[0], edges[1], edges[2], edges[3]);
    }
}
