using System.Runtime.Intrinsics;

namespace Diffusion.Core.Randomness;

/// <summary>
/// torch's way of making 16 or more normals: blocks of 16 uniforms, the first eight giving radii and the last eight angles
/// (Box-Muller); where the size is no multiple of 16, the last 16 values are drawn anew.
/// </summary>
internal static class NormalBlocks
{
    internal const int Size = 16;
    private const int HalfSize = 8;

    internal delegate void Refill<T>(Span<T> values);

    /// <summary>Turns float32 uniforms into normals in place.</summary>
    internal static void Transform(Span<float> values, float mean, float deviation, Refill<float> refill)
    {
        for (var i = 0; i <= values.Length - Size; i += Size) Block(values.Slice(i, Size), mean, deviation);
        if (values.Length % Size == 0) return;
        var tail = values[^Size..];
        refill(tail);
        Block(tail, mean, deviation);
    }

    /// <summary>Turns float64 uniforms into normals in place.</summary>
    internal static void Transform(Span<double> values, double mean, double deviation, Refill<double> refill)
    {
        for (var i = 0; i <= values.Length - Size; i += Size) Block(values.Slice(i, Size), mean, deviation);
        if (values.Length % Size == 0) return;
        var tail = values[^Size..];
        refill(tail);
        Block(tail, mean, deviation);
    }

    /// <summary>Turns float16 uniforms into normals in place.</summary>
    internal static void Transform(Span<Half> values, Half mean, Half deviation, Refill<Half> refill)
    {
        for (var i = 0; i <= values.Length - Size; i += Size) Block(values.Slice(i, Size), mean, deviation);
        if (values.Length % Size == 0) return;
        var tail = values[^Size..];
        refill(tail);
        Block(tail, mean, deviation);
    }

    private static void Block(Span<float> block, float mean, float deviation)
    {
        // 1 - u lies in (0, 1], so that the logarithm is finite.
        var u1 = Vector256<float>.One - Vector256.Create(block[..HalfSize]);
        var u2 = Vector256.Create(block[HalfSize..]);
        var radius = Vector256.Sqrt(-2f * Vector256.Log(u1));
        var (sine, cosine) = Vector256.SinCos((float)(2 * Math.PI) * u2);
        var (scale, shift) = (Vector256.Create(deviation), Vector256.Create(mean));
        Vector256.FusedMultiplyAdd(radius * cosine, scale, shift).CopyTo(block);
        Vector256.FusedMultiplyAdd(radius * sine, scale, shift).CopyTo(block[HalfSize..]);
    }

    private static void Block(Span<double> block, double mean, double deviation)
    {
        for (var i = 0; i < HalfSize; i++)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - block[i]));
            var (sine, cosine) = Math.SinCos(2 * Math.PI * block[i + HalfSize]);
            block[i] = radius * cosine * deviation + mean;
            block[i + HalfSize] = radius * sine * deviation + mean;
        }
    }

    // torch rounds the radius and the angle to float16 and computes the rest in float32.
    private static void Block(Span<Half> block, Half mean, Half deviation)
    {
        for (var i = 0; i < HalfSize; i++)
        {
            var radius = (float)(Half)MathF.Sqrt(-2 * MathF.Log(1 - (float)block[i]));
            var (sine, cosine) = MathF.SinCos((float)(Half)(2 * Math.PI * (double)block[i + HalfSize]));
            block[i] = (Half)(radius * cosine * (float)deviation + (float)mean);
            block[i + HalfSize] = (Half)(radius * sine * (float)deviation + (float)mean);
        }
    }
}
