using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Diffusion.Core.Images;

/// <summary>
/// Pictures as float32 numbers for models: an immutable block in the order batch, channel, row, column (N, C, H, W).
/// <see cref="ToTensor"/> and <see cref="FromTensor"/> lead to tensors and back.
/// </summary>
/// <param name="Batch">Number of pictures, N.</param>
/// <param name="Channels">Channels of each, C.</param>
/// <param name="Height">Rows, H.</param>
/// <param name="Width">Columns, W.</param>
/// <param name="Values">N × C × H × W values.</param>
public sealed partial record ImageBatch(int Batch, int Channels, int Height, int Width, ImmutableArray<float> Values)
{
    /// <summary>N × C × H × W values.</summary>
    public ImmutableArray<float> Values { get; } = Checked(Batch, Channels, Height, Width, Values);

    /// <summary>[N, C, H, W].</summary>
    public ImmutableArray<int> Shape => [Batch, Channels, Height, Width];

    /// <summary>Pictures of one size and one number of channels, with samples divided by 255 (0..1).</summary>
    /// <exception cref="ArgumentException">There is no picture, or the pictures differ in size or channels.</exception>
    public static ImageBatch FromImages(IEnumerable<Image> images) => FromSamples(images, 255f);

    /// <summary>The samples of pictures of one kind, divided by a number.</summary>
    internal static ImageBatch FromSamples(IEnumerable<Image> images, float divisor)
    {
        ArgumentNullException.ThrowIfNull(images);
        Image[] pictures = [.. images];
        if (pictures.Length == 0)
        {
            throw new ArgumentException("ImageBatch.FromImages: got no pictures; expected at least one.", nameof(images));
        }

        var first = pictures[0];
        var (width, height, channels) = (first.Width, first.Height, first.Channels);
        var values = new float[checked(pictures.Length * channels * height * width)];
        for (var n = 0; n < pictures.Length; n++)
        {
            var picture = pictures[n];
            if ((picture.Width, picture.Height, picture.Channels) != (width, height, channels))
            {
                throw new ArgumentException(
                    $"ImageBatch.FromImages: picture {n} is {picture} but the first is {first}; expected one size "
                    + "(use Resize) and one kind (use ToRgb).",
                    nameof(images));
            }

            for (var i = 0; i < picture.Pixels.Length; i++)
            {
                values[(((n * channels) + (i % channels)) * height * width) + (i / channels)] = picture.Pixels[i] / divisor;
            }
        }

        return Adopt(pictures.Length, channels, height, width, values);
    }

    /// <summary>A batch over values that lie in the order batch, row, column, channel (N, H, W, C): NumPy's pictures.</summary>
    /// <exception cref="ArgumentException">The number of values is not N × H × W × C.</exception>
    public static ImageBatch FromChannelsLast(int batch, int height, int width, int channels, ReadOnlySpan<float> values)
    {
        Require(batch, channels, height, width, values.Length);
        var planes = new float[values.Length];
        var area = height * width;
        for (var n = 0; n < batch; n++)
        {
            for (var i = 0; i < area; i++)
            {
                for (var c = 0; c < channels; c++)
                {
                    planes[(((n * channels) + c) * area) + i] = values[(((n * area) + i) * channels) + c];
                }
            }
        }

        return Adopt(batch, channels, height, width, planes);
    }

    /// <summary>Batches of one picture size after one another.</summary>
    /// <exception cref="ArgumentException">There is no batch, or the pictures differ in size or channels.</exception>
    public static ImageBatch Concat(IEnumerable<ImageBatch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        ImageBatch[] parts = [.. batches];
        if (parts.Length == 0 || parts.Any(part => !part.Shape.AsSpan(1, 3).SequenceEqual(parts[0].Shape.AsSpan(1, 3))))
        {
            throw new ArgumentException(
                $"ImageBatch.Concat: got the shapes {string.Join(", ", parts.Select(part => part.ToString()))}; "
                + "expected at least one batch and equal channels, height and width.",
                nameof(batches));
        }

        var values = ImmutableArray.CreateBuilder<float>(parts.Sum(part => part.Values.Length));
        foreach (var part in parts)
        {
            values.AddRange(part.Values);
        }

        return new(parts.Sum(part => part.Batch), parts[0].Channels, parts[0].Height, parts[0].Width, values.MoveToImmutable());
    }

    /// <summary>The values in the order batch, row, column, channel (N, H, W, C).</summary>
    public ImmutableArray<float> ToChannelsLast()
    {
        var area = Height * Width;
        var values = new float[Values.Length];
        for (var n = 0; n < Batch; n++)
        {
            for (var c = 0; c < Channels; c++)
            {
                for (var i = 0; i < area; i++)
                {
                    values[(((n * area) + i) * Channels) + c] = Values[(((n * Channels) + c) * area) + i];
                }
            }
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(values);
    }

    /// <summary>Pictures from values 0..1 (clamped), rounded half to even; batches of 1, 3 or 4 channels.</summary>
    public ImmutableArray<Image> ToImages()
    {
        var values = ToChannelsLast().AsSpan();
        var size = Height * Width * Channels;
        var images = ImmutableArray.CreateBuilder<Image>(Batch);
        for (var n = 0; n < Batch; n++)
        {
            images.Add(Image.FromFloats(Width, Height, Channels, values.Slice(n * size, size)));
        }

        return images.MoveToImmutable();
    }

    /// <summary>One picture of the batch, as a batch of one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no picture of that number.</exception>
    public ImageBatch Item(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Batch);
        var size = Channels * Height * Width;
        return Adopt(1, Channels, Height, Width, Values.AsSpan().Slice(index * size, size).ToArray());
    }

    /// <summary>The batch with a function applied to every value.</summary>
    public ImageBatch Map(Func<float, float> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        var values = new float[Values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = function(Values[i]);
        }

        return Adopt(Batch, Channels, Height, Width, values);
    }

    /// <summary>
    /// The batch in another size by the nearest value (torch's <c>interpolate</c> in its default mode): row r of the
    /// result is row floor(r × H / height) of the source, in float32.
    /// </summary>
    /// <exception cref="ArgumentException">The new size is below 1.</exception>
    public ImageBatch ResizeNearest(int height, int width)
    {
        if (height < 1 || width < 1)
        {
            throw new ArgumentException($"ImageBatch.ResizeNearest: got a new size of {width}×{height}; expected at least 1×1.");
        }

        if (height == Height && width == Width)
        {
            return this;
        }

        var rows = Places(Height, height);
        var columns = Places(Width, width);
        var values = new float[checked(Batch * Channels * height * width)];
        var target = 0;
        for (var plane = 0; plane < Batch * Channels; plane++)
        {
            foreach (var row in rows)
            {
                foreach (var column in columns)
                {
                    values[target++] = Values[(((plane * Height) + row) * Width) + column];
                }
            }
        }

        return Adopt(Batch, Channels, height, width, values);
    }

    /// <inheritdoc/>
    public bool Equals(ImageBatch? other) =>
        other is not null && (Batch, Channels, Height, Width) == (other.Batch, other.Channels, other.Height, other.Width)
        && Values.AsSpan().SequenceEqual(other.Values.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var size in Shape)
        {
            hash.Add(size);
        }

        hash.AddBytes(MemoryMarshal.AsBytes(Values.AsSpan()));
        return hash.ToHashCode();
    }

    /// <summary>For example <c>[2, 3, 64, 64]</c>.</summary>
    public override string ToString() => $"[{Batch}, {Channels}, {Height}, {Width}]";

    /// <summary>Takes an array that nobody else writes to any more.</summary>
    internal static ImageBatch Adopt(int batch, int channels, int height, int width, float[] values) =>
        new(batch, channels, height, width, ImmutableCollectionsMarshal.AsImmutableArray(values));

    private static int[] Places(int source, int target)
    {
        var scale = (float)source / target;
        var places = new int[target];
        for (var i = 0; i < target; i++)
        {
            places[i] = Math.Min((int)MathF.Floor(i * scale), source - 1);
        }

        return places;
    }

    private static ImmutableArray<float> Checked(int batch, int channels, int height, int width, ImmutableArray<float> values)
    {
        Require(batch, channels, height, width, values.IsDefault ? 0 : values.Length);
        return values;
    }

    private static void Require(int batch, int channels, int height, int width, int count)
    {
        if (batch < 1 || channels < 1 || height < 1 || width < 1 || (long)batch * channels * height * width != count)
        {
            throw new ArgumentException(
                $"ImageBatch: got {count} values for the shape [{batch}, {channels}, {height}, {width}]; expected "
                + "positive sizes whose product is the number of values.");
        }
    }
}
