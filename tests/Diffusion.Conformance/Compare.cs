namespace Diffusion.Conformance;

/// <summary>Comparisons of numbers with a reference. NaN agrees with NaN only, an infinity only with itself.</summary>
public static class Compare
{
    /// <summary>Passes when no element is further than <paramref name="tolerance"/> from the reference.</summary>
    public static Verdict Absolute(string what, ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance)
    {
        if (expected.Length != actual.Length)
            return Verdict.Fail($"{what}: {actual.Length} elements, expected {expected.Length}.");

        var (largest, worst) = (0.0, 0);
        for (var i = 0; i < expected.Length; i++)
        {
            var error = Distance(expected[i], actual[i]);
            if (error > largest)
                (largest, worst) = (error, i);
        }

        return largest <= tolerance
            ? Verdict.Pass(largest)
            : Verdict.Fail(
                FormattableString.Invariant($"{what}[{worst}] is {actual[worst]:G9}, expected {expected[worst]:G9} within {tolerance:G4}."),
                largest);
    }

    /// <summary>As <c>Absolute</c>, with the tolerance relative to max(1, max|reference|).</summary>
    public static Verdict Relative(string what, ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance) =>
        Absolute(what, expected, actual, tolerance * Math.Max(1, LargestOf(expected)));

    /// <summary>As <c>Absolute</c>, with the tolerance relative to max|reference|, however small it is.</summary>
    public static Verdict RelativeToLargest(string what, ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance) =>
        Absolute(what, expected, actual, tolerance * LargestOf(expected));

    /// <summary>As <c>Absolute</c> on float32 values.</summary>
    public static Verdict Absolute(string what, ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance) =>
        Absolute(what, Widen(expected), Widen(actual), tolerance);

    /// <summary>As <c>Relative</c> on float32 values.</summary>
    public static Verdict Relative(string what, ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance) =>
        Relative(what, Widen(expected), Widen(actual), tolerance);

    /// <summary>Passes when two sequences are equal element by element.</summary>
    public static Verdict Equal<T>(string what, IEnumerable<T> expected, IEnumerable<T> actual)
    {
        var (left, right) = (expected.ToArray(), actual.ToArray());
        if (left.Length != right.Length)
            return Verdict.Fail($"{what}: {right.Length} elements, expected {left.Length}.");

        var different = Enumerable.Range(0, left.Length).FirstOrDefault(i => !Equals(left[i], right[i]), -1);
        return different < 0
            ? Verdict.Pass(0)
            : Verdict.Fail($"{what}[{different}] is {right[different]}, expected {left[different]}.");
    }

    private static double Distance(double expected, double actual) =>
        expected.Equals(actual) || expected == actual ? 0
        : double.IsFinite(expected) && double.IsFinite(actual) ? Math.Abs(expected - actual)
        : double.PositiveInfinity;

    private static double LargestOf(ReadOnlySpan<double> values)
    {
        var largest = 0.0;
        foreach (var value in values)
            largest = double.IsFinite(value) ? Math.Max(largest, Math.Abs(value)) : largest;

        return largest;
    }

    private static double[] Widen(ReadOnlySpan<float> values)
    {
        var wide = new double[values.Length];
        for (var i = 0; i < wide.Length; i++)
            wide[i] = values[i];

        return wide;
    }
}
