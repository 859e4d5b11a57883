using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>
/// Numbers as vectors of sines and cosines. They are small and computed on the host; frequencies and angles are rounded to float32
/// where the reference rounds them, since an angle of 1000 keeps only four decimals.
/// </summary>
public static class Embeddings
{
    /// <summary>Sinusoidal embeddings of timesteps (Ho et al. 2020; Vaswani et al. 2017).</summary>
    /// <param name="timesteps">The timesteps.</param>
    /// <param name="size">Length of a vector; ≥ 2. Where it is odd, the last element is 0.</param>
    /// <param name="flipSinToCos">Cosines first.</param>
    /// <param name="downscaleFreqShift">Taken off the number of frequencies when they are spaced.</param>
    /// <param name="scale">Factor on the angles.</param>
    /// <param name="maxPeriod">The longest period divided by 2π.</param>
    /// <param name="device">Where to put the result; the CPU when none is given.</param>
    /// <returns>[timesteps, size].</returns>
    public static Tensor Timestep(
        ReadOnlySpan<float> timesteps, int size, bool flipSinToCos = false, double downscaleFreqShift = 1,
        double scale = 1, double maxPeriod = 10000, Device? device = null)
    {
        if (size < 2)
            throw new TensorShapeException($"Embeddings.Timestep: the size is at least 2; got {size}.");
        int half = size / 2;
        float logPeriod = (float)-Math.Log(maxPeriod), divisor = (float)(half - downscaleFreqShift);
        var frequencies = new float[half];
        for (int i = 0; i < half; i++)
            frequencies[i] = Exp(logPeriod * i / divisor);
        var result = new float[timesteps.Length * size];
        for (int n = 0; n < timesteps.Length; n++)
        {
            for (int i = 0; i < half; i++)
                Put(result.AsSpan(n * size, 2 * half), i, (float)scale * (timesteps[n] * frequencies[i]), flipSinToCos);
        }
        return Tensor.From(result, Shape.Of(timesteps.Length, size), device);
    }

    /// <summary>Embeddings of noise levels by given frequencies (Tancik et al. 2020; Song et al. 2021).</summary>
    /// <param name="levels">The noise levels; above 0 with <paramref name="log"/>.</param>
    /// <param name="frequencies">The frequencies [F].</param>
    /// <param name="log">Embed the logarithm.</param>
    /// <param name="flipSinToCos">Cosines first.</param>
    /// <param name="device">Where to put the result; the CPU when none is given.</param>
    /// <returns>[levels, 2·F].</returns>
    public static Tensor GaussianFourier(
        ReadOnlySpan<float> levels, ReadOnlySpan<float> frequencies, bool log = true, bool flipSinToCos = false, Device? device = null)
    {
        int half = frequencies.Length;
        var result = new float[levels.Length * 2 * half];
        for (int n = 0; n < levels.Length; n++)
        {
            float level = log ? (float)Math.Log(levels[n]) : levels[n];
            for (int i = 0; i < half; i++)
                Put(result.AsSpan(n * 2 * half, 2 * half), i, level * frequencies[i] * 2 * (float)Math.PI, flipSinToCos);
        }
        return Tensor.From(result, Shape.Of(levels.Length, 2 * half), device);
    }

    /// <summary>The embedding of a guidance scale for networks distilled with guidance (Meng et al. 2023; latent consistency models).</summary>
    /// <param name="scales">Guidance scales, minus 1 as these networks take them.</param>
    /// <param name="size">Length of a vector; ≥ 4. Where it is odd, the last element is 0.</param>
    /// <param name="device">Where to put the result; the CPU when none is given.</param>
    /// <returns>[scales, size].</returns>
    public static Tensor GuidanceScale(ReadOnlySpan<float> scales, int size = 512, Device? device = null)
    {
        if (size < 4)
            throw new TensorShapeException($"Embeddings.GuidanceScale: the size is at least 4; got {size}.");
        int half = size / 2;
        float step = (float)Math.Log(10000) / (half - 1);
        var result = new float[scales.Length * size];
        for (int n = 0; n < scales.Length; n++)
        {
            for (int i = 0; i < half; i++)
                Put(result.AsSpan(n * size, 2 * half), i, scales[n] * 1000f * Exp(i * -step), false);
        }
        return Tensor.From(result, Shape.Of(scales.Length, size), device);
    }

    /// <summary>Sinusoidal positions of a sequence, sines and cosines taking turns (Vaswani et al. 2017).</summary>
    /// <returns>[length, size].</returns>
    public static Tensor SinusoidalPositions(int length, int size, Device? device = null)
    {
        var result = new float[checked(length * size)];
        float step = (float)(-Math.Log(10000) / size);
        for (int n = 0; n < length; n++)
        {
            for (int i = 0; i < size; i += 2)
            {
                float angle = n * Exp(i * step);
                result[n * size + i] = (float)Math.Sin(angle);
                if (i + 1 < size)
                    result[n * size + i + 1] = (float)Math.Cos(angle);
            }
        }
        return Tensor.From(result, Shape.Of(length, size), device);
    }

    /// <summary>Positions of a grid: half of each vector is for the column, the other half for the row (MAE, He et al. 2021).</summary>
    /// <param name="size">Length of a vector; a multiple of 4.</param>
    /// <param name="rows">Rows of the grid.</param>
    /// <param name="columns">Columns of the grid.</param>
    /// <param name="interpolationScale">Positions are divided by it.</param>
    /// <param name="baseSize">Positions run from 0 to it, whatever the grid.</param>
    /// <param name="device">Where to put the result; the CPU when none is given.</param>
    /// <returns>[rows·columns, size].</returns>
    public static Tensor SinCos2d(int size, int rows, int columns, double interpolationScale = 1, int baseSize = 16, Device? device = null)
    {
        if (size < 4 || size % 4 != 0 || rows < 1 || columns < 1)
            throw new TensorShapeException($"Embeddings.SinCos2d: expected a size that is a multiple of 4 and a grid with rows and columns; got {size}, {rows}×{columns}.");
        int quarter = size / 4;
        var result = new float[checked(rows * columns * size)];
        double Position(int i, int n) => (float)((float)(i / (float)((double)n / baseSize)) / (float)interpolationScale);
        for (int p = 0; p < rows * columns; p++)
        {
            // Row-major; the reference's "height" half is the column.
            double x = Position(p % columns, columns), y = Position(p / columns, rows);
            for (int i = 0; i < quarter; i++)
            {
                double omega = 1 / Math.Pow(10000, (double)i / quarter);
                var row = result.AsSpan(p * size, size);
                (row[i], row[quarter + i]) = ((float)Math.Sin(x * omega), (float)Math.Cos(x * omega));
                (row[2 * quarter + i], row[3 * quarter + i]) = ((float)Math.Sin(y * omega), (float)Math.Cos(y * omega));
            }
        }
        return Tensor.From(result, Shape.Of(rows * columns, size), device);
    }

    /// <summary>Boxes as sines and cosines of their corners (GLIGEN).</summary>
    /// <param name="boxes">[N, boxes, 4], corners in 0 … 1.</param>
    /// <param name="frequencies">Number of frequencies.</param>
    /// <returns>[N, boxes, frequencies·8].</returns>
    public static Tensor FourierBoxes(Tensor boxes, int frequencies = 8)
    {
        ArgumentNullException.ThrowIfNull(boxes);
        if (boxes.Rank != 3 || boxes.Shape[2] != 4)
            throw new TensorShapeException($"Embeddings.FourierBoxes: expected [N, boxes, 4]; got {boxes.Shape}.");
        var values = boxes.ToArray();
        int each = frequencies * 8;
        var result = new float[values.Length / 4 * each];
        for (int b = 0; b < values.Length / 4; b++)
        {
            for (int f = 0; f < frequencies; f++)
            {
                float frequency = (float)Math.Pow(100, f / (double)frequencies);
                for (int c = 0; c < 4; c++)
                {
                    float angle = frequency * values[4 * b + c];
                    result[b * each + f * 8 + c] = (float)Math.Sin(angle);
                    result[b * each + f * 8 + 4 + c] = (float)Math.Cos(angle);
                }
            }
        }
        return Tensor.From(result, Shape.Of(boxes.Shape[0], boxes.Shape[1], each), boxes.Device);
    }

    // e^x in float32 by the reduction and polynomial of the SLEEF library, which the reference uses. It isn't always the nearest
    // float32, and that last bit of a frequency is the fourth decimal of the angle at timestep 1000.
    private static float Exp(float x)
    {
        float q = MathF.Round(x * 1.44269504f), s = MathF.FusedMultiplyAdd(q, -0.693145752f, x);
        s = MathF.FusedMultiplyAdd(q, -1.42860677e-06f, s);
        float u = 0.000198527618f;
        foreach (float c in (ReadOnlySpan<float>)[0.00139304355f, 0.00833336078f, 0.0416664854f, 0.166666672f, 0.5f])
            u = MathF.FusedMultiplyAdd(u, s, c);
        return MathF.ScaleB(1 + MathF.FusedMultiplyAdd(s * s, u, s), (int)q);
    }

    private static void Put(Span<float> row, int i, float angle, bool flipSinToCos)
    {
        int half = row.Length / 2;
        row[i] = (float)(flipSinToCos ? Math.Cos(angle) : Math.Sin(angle));
        row[half + i] = (float)(flipSinToCos ? Math.Sin(angle) : Math.Cos(angle));
    }
}
