namespace Diffusion.Core.Randomness;

/// <summary>Checks and small mathematics that the generators share.</summary>
internal static class Draws
{
    /// <summary>The length of an array of <paramref name="count"/> values.</summary>
    internal static int Length(long count) =>
        count >= 0 && count <= Array.MaxLength
            ? (int)count
            : throw new ArgumentOutOfRangeException(
                nameof(count), count, $"A draw holds 0 to {Array.MaxLength} values; draw more in several calls.");

    /// <summary>log(1 + x) without the loss of digits that adding the 1 first brings (Kahan's correction).</summary>
    internal static double LogOnePlus(double x)
    {
        var sum = 1 + x;
        return sum == 1 ? x : sum <= 0 ? Math.Log(sum) : Math.Log(sum) * (x / (sum - 1));
    }

    /// <summary>Refuses weights from which no category can be drawn.</summary>
    internal static void CheckWeights(ReadOnlySpan<float> weights, int categories)
    {
        if (categories < 1 || weights.Length % categories != 0)
            throw new ArgumentException(
                $"Multinomial: got {weights.Length} weights for rows of {categories}, expected a whole number of rows of 1 or more.",
                nameof(categories));
        for (var start = 0; start < weights.Length; start += categories)
        {
            var sum = 0.0;
            for (var i = 0; i < categories; i++)
            {
                var weight = weights[start + i];
                if (!(weight >= 0) || float.IsInfinity(weight))
                    throw new ArgumentException(
                        $"Multinomial: got weight {weight} in row {start / categories}, expected finite numbers of 0 or more.", nameof(weights));
                sum += weight;
            }
            if (!(sum > 0))
                throw new ArgumentException(
                    $"Multinomial: the weights of row {start / categories} are all 0, expected at least one above 0.", nameof(weights));
        }
    }
}
