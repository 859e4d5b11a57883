using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NetVips;
using Vips = NetVips.Image;

namespace Diffusion.Core.Images;

/// <summary>
/// Picture files. PNG is read and written without a native library; JPEG, WebP and GIF go through libvips, which is
/// loaded when it is needed first. This is the only file that knows libvips.
/// </summary>
public static class ImageCodec
{
    /// <summary>Reads a picture file; of an animation, its first frame. JPEG and WebP are turned as their EXIF orientation says.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, cut short, or larger than the limits allow.</exception>
    /// <exception cref="NotSupportedException">The file is in another format, or libvips cannot be loaded.</exception>
    public static Image Read(string path, ImageReadOptions options)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(options);
        return Decode(ReadBytes(path, options), options, $"\"{path}\"");
    }

    /// <summary>What the header of a picture file says; nothing is decoded.</summary>
    /// <exception cref="InvalidDataException">The header is damaged or the file larger than the limits allow.</exception>
    /// <exception cref="NotSupportedException">The file is in another format.</exception>
    public static ImageInfo Probe(string path) =>
        ImageHeader.Read(ReadBytes(path, ImageReadOptions.Default), $"\"{path}\"");

    /// <summary>Decodes the bytes of a picture file.</summary>
    /// <exception cref="InvalidDataException">The bytes are damaged, cut short, or the picture is larger than the limits allow.</exception>
    /// <exception cref="NotSupportedException">The format is another one, or libvips cannot be loaded.</exception>
    public static Image Decode(ReadOnlySpan<byte> file, ImageReadOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Decode(file.ToArray(), options, $"in memory ({file.Length} bytes)");
    }

    /// <summary>The picture as the bytes of a file.</summary>
    /// <exception cref="ArgumentException">The picture does not fit the format, or an option is out of range.</exception>
    /// <exception cref="NotSupportedException">libvips cannot be loaded (formats other than PNG).</exception>
    public static ImmutableArray<byte> Encode(Image image, ImageFormat format, ImageWriteOptions options)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Quality is < 1 or > 100)
        {
            throw new ArgumentException(
                $"ImageCodec.Encode: got {nameof(options.Quality)} = {options.Quality}; "
                + "expected 1 to 100.", nameof(options));
        }

        if (format == ImageFormat.Jpeg && image.Channels == 4)
        {
            throw new ArgumentException(
                "ImageCodec.Encode: JPEG has no alpha channel; use image.ToRgb() first, or "
                + "write PNG or WebP.", nameof(image));
        }

        return format == ImageFormat.Png
            ? PngWriter.Encode(image)
            : ImmutableCollectionsMarshal.AsImmutableArray(
                WithLibrary(() => Native.Encode(image, format, options), $"Writing a {format} picture"));
    }

    /// <summary>Writes a picture file, whole or not at all; the extension .png, .jpg, .jpeg, .webp or .gif decides the format.</summary>
    /// <exception cref="NotSupportedException">The extension is another one, or libvips cannot be loaded (formats other than
    /// PNG).</exception>
    /// <exception cref="ArgumentException">The picture does not fit the format, or an option is out of range.</exception>
    public static void Write(Image image, string path, ImageWriteOptions options) =>
        AtomicFile.Write(path, Encode(image, FormatOf(path), options).AsSpan());

    /// <summary>The format that a file name's extension means.</summary>
    /// <exception cref="NotSupportedException">The extension is none of .png, .jpg, .jpeg, .webp and .gif.</exception>
    public static ImageFormat FormatOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".PNG" => ImageFormat.Png,
            ".JPG" or ".JPEG" => ImageFormat.Jpeg,
            ".WEBP" => ImageFormat.Webp,
            ".GIF" => ImageFormat.Gif,
            var other => throw new NotSupportedException(
                $"Writing the picture \"{path}\": got the extension \"{other}\"; expected .png, .jpg, .jpeg, .webp or .gif."),
        };
    }

    private static byte[] ReadBytes(string path, ImageReadOptions options)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        if (stream.Length > options.MaxFileBytes)
        {
            throw new InvalidDataException(
                $"Reading the picture \"{path}\": it has {stream.Length} bytes, more than the limit of {options.MaxFileBytes} "
                + $"({nameof(ImageReadOptions)}.{nameof(ImageReadOptions.MaxFileBytes)}); raise the limit if the file is trusted.");
        }

        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static Image Decode(byte[] file, ImageReadOptions options, string name)
    {
        var info = ImageHeader.Read(file, name);
        options.RequirePixels(info.Width, info.Height, name);
        return info.Format == ImageFormat.Png
            ? PngReader.Decode(file, options, name)
            : WithLibrary(() => Native.Decode(file, info.Format, options, name), $"Reading the {info.Format} picture {name}");
    }

    private static T WithLibrary<T>(Func<T> use, string operation)
    {
        try
        {
            return use();
        }
        catch (VipsException error)
        {
            throw new InvalidDataException($"{operation}: {error.Message.ReplaceLineEndings(" ").Trim()}", error);
        }
        catch (Exception error) when (error is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException)
        {
            throw new NotSupportedException(
                $"{operation}: the native library libvips cannot be loaded on this machine ({error.GetBaseException().Message}). "
                + "Use PNG, which needs no native library, or install the NetVips.Native package for this platform.", error);
        }
    }

    // A class of its own, so that libvips is loaded by its first use and never for PNG.
    private static class Native
    {
        private const int FirstFrame = 1;

        static Native()
        {
            // The library prints hundreds of lines about a bad file; the exception says what matters.
            Log.SetLogHandler("VIPS", Enums.LogLevelFlags.All, static (_, _, _) => { });
            NetVips.NetVips.BlockUntrusted = true;
            Cache.Max = 0;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static Image Decode(byte[] file, ImageFormat format, ImageReadOptions options, string name)
        {
            using var lazy = format switch
            {
                ImageFormat.Jpeg => Vips.JpegloadBuffer(file, failOn: Enums.FailOn.Error),
                ImageFormat.Webp => Vips.WebploadBuffer(file, n: FirstFrame, failOn: Enums.FailOn.Error),
                _ => Vips.GifloadBuffer(file, n: FirstFrame, failOn: Enums.FailOn.Error),
            };
            options.RequirePixels(lazy.Width, lazy.Height, name);
            using var upright = lazy.Autorot();
            var gray = upright.Bands == 1 && upright.Interpretation is Enums.Interpretation.Bw or Enums.Interpretation.Grey16;
            using var bytes = upright.Colourspace(gray ? Enums.Interpretation.Bw : Enums.Interpretation.Srgb);
            return Image.Adopt(bytes.Width, bytes.Height, bytes.Bands, bytes.WriteToMemory<byte>());
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static byte[] Encode(Image image, ImageFormat format, ImageWriteOptions options)
        {
            using var raw = Vips.NewFromMemoryCopy(
                image.Pixels.ToArray(), image.Width, image.Height, image.Channels, Enums.BandFormat.Uchar);
            using var source = raw.Copy(interpretation: image.Channels == 1 ? Enums.Interpretation.Bw : Enums.Interpretation.Srgb);
            return format switch
            {
                ImageFormat.Jpeg => source.JpegsaveBuffer(q: options.Quality),
                ImageFormat.Webp => source.WebpsaveBuffer(q: options.Quality, lossless: options.Lossless, exact: options.Lossless),
                _ => source.GifsaveBuffer(),
            };
        }
    }
}
