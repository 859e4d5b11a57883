namespace Diffusion.Core.Tensors;

/// <summary>Real and imaginary parts of complex numbers.</summary>
/// <param name="Real">The real parts.</param>
/// <param name="Imaginary">The imaginary parts, of the same shape.</param>
public sealed record ComplexTensor(Tensor Real, Tensor Imaginary)
{
    /// <summary>Absolute values.</summary>
    public Tensor Magnitude() => (Real.Square() + Imaginary.Square()).Sqrt();
}

/// <summary>
/// Discrete Fourier transforms of images by matrix products, one an axis: exact for every length, and cheap for the sizes of
/// feature maps.
/// </summary>
public static class Fourier
{
    /// <summary>The two-dimensional transform over the last two axes, zero frequency first (torch.fft.fft2).</summary>
    public static ComplexTensor Transform2d(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireImage(x);
        var (rows, columns) = (Matrix(x, x.Shape[-2]), Matrix(x, x.Shape[-1]));
        var (real, imaginary) = (Tensor.MatMul(x, columns.Real), Tensor.MatMul(x, columns.Imaginary));
        return new ComplexTensor(
            Tensor.MatMul(rows.Real, real) - Tensor.MatMul(rows.Imaginary, imaginary),
            Tensor.MatMul(rows.Real, imaginary) + Tensor.MatMul(rows.Imaginary, real));
    }

    /// <summary>
    /// Multiplies the low frequencies of images by a factor and leaves the others. Low are the frequencies −threshold … threshold − 1
    /// in both directions, as FreeU defines them.
    /// </summary>
    /// <param name="x">[…, H, W].</param>
    /// <param name="threshold">≥ 0.</param>
    /// <param name="scale">The factor.</param>
    public static Tensor ScaleLowFrequencies(Tensor x, int threshold, double scale)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireImage(x);
        ArgumentOutOfRangeException.ThrowIfNegative(threshold);
        // The filter adds (scale − 1) times the part of the image that lies in the low frequencies: a projection an axis.
        var (rows, columns) = (Projection(x, x.Shape[-2], threshold), Projection(x, x.Shape[-1], threshold));
        var low = Product(rows.Real, x, columns.Real) - Product(rows.Imaginary, x, columns.Imaginary);
        return x + low * (scale - 1);
    }

    private static Tensor Product(Tensor left, Tensor x, Tensor right) => Tensor.MatMul(Tensor.MatMul(left, x), right.Transpose());

    // e^(−2πi·jk/n), symmetric.
    private static ComplexTensor Matrix(Tensor x, int n)
    {
        var (real, imaginary) = (new double[n * n], new double[n * n]);
        for (int j = 0; j < n; j++)
        {
            for (int k = 0; k < n; k++)
            {
                double angle = -2 * Math.PI * ((long)j * k % n) / n;
                (real[j * n + k], imaginary[j * n + k]) = (Math.Cos(angle), Math.Sin(angle));
            }
        }
        return new ComplexTensor(Square(real, n, x), Square(imaginary, n, x));
    }

    // P[j, j'] = 1/n Σ_k e^(2πi·k(j−j')/n) over the low frequencies k.
    private static ComplexTensor Projection(Tensor x, int n, int threshold)
    {
        var low = LowFrequencies(n, threshold).ToArray();
        var (real, imaginary) = (new double[n * n], new double[n * n]);
        for (int j = 0; j < n; j++)
        {
            for (int k = 0; k < n; k++)
            {
                var angles = low.Select(f => 2 * Math.PI * ((long)f * (j - k) % n) / n).ToArray();
                (real[j * n + k], imaginary[j * n + k]) = (angles.Sum(Math.Cos) / n, angles.Sum(Math.Sin) / n);
            }
        }
        return new ComplexTensor(Square(real, n, x), Square(imaginary, n, x));
    }

    private static Tensor Square(double[] values, int n, Tensor x) => x.ElementType == Kernels.ElementType.Float64
        ? Tensor.FromDoubles(values, Shape.Of(n, n), x.Device)
        : Tensor.From(Array.ConvertAll(values, v => (float)v), Shape.Of(n, n), x.Device);

    // Of the centred spectrum, the slice [centre − threshold : centre + threshold] with Python's rule for negative starts.
    private static IEnumerable<int> LowFrequencies(int n, int threshold)
    {
        int centre = n / 2, start = centre - threshold, end = Math.Min(centre + threshold, n);
        start = start < 0 ? Math.Max(0, start + n) : start;
        return Enumerable.Range(start, Math.Max(0, end - start)).Select(i => i - centre);
    }

    private static void RequireImage(Tensor x)
    {
        if (x.Rank < 2 || x.Shape[-1] < 1 || x.Shape[-2] < 1)
            throw new TensorShapeException($"Fourier: expected images […, H, W] with at least one row and column; got {x.Shape}.");
    }
}
