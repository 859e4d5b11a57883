namespace Diffusion.Kernels;

/// <summary>The two factors of a row of activations that becomes int8, as <see cref="QuantizedGemmSpec"/> defines them.</summary>
/// <param name="Inverse">What to multiply activations by before rounding.</param>
/// <param name="Scale">What an integer of the row stands for.</param>
internal readonly record struct RowScale(float Inverse, float Scale)
{
    /// <summary>The largest magnitude of an int8 activation.</summary>
    public const float Largest = 127;

    /// <summary>Rows with no larger magnitude count as zeros: below it the inverse could overflow.</summary>
    public const float Smallest = 7.888609e-31f;

    /// <summary>The factors for a row's largest magnitude; NaN where the row has a NaN or an infinity.</summary>
    public static RowScale Of(float largest) =>
        !float.IsFinite(largest) ? new RowScale(0, float.NaN)
        : largest < Smallest ? new RowScale(0, 0)
        : new RowScale(Largest / largest, largest / Largest);
}
