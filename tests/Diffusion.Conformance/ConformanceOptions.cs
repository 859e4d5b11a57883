namespace Diffusion.Conformance;

/// <summary>What to run. <see cref="Filter"/> selects cases whose name contains it (empty: all); <see cref="Device"/> is cpu, opencl or cuda.</summary>
public sealed record ConformanceOptions(string Filter, string Device)
{
    /// <summary>Everything, on the CPU.</summary>
    public static ConformanceOptions Default { get; } = new("", "cpu");

    /// <summary>Cases outside of this prefix aren't run either; set when only a part of an area was asked for.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Whether a case of that name is to run.</summary>
    public bool Selects(string name) =>
        name.Contains(Filter, StringComparison.OrdinalIgnoreCase) && name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>
    /// Runs one case if it is selected: a sequence of one result or none. What it throws is a failure with that message.
    /// </summary>
    public IEnumerable<CaseResult> Case(string name, Func<Verdict> check)
    {
        if (Selects(name))
            yield return Guarded(name, check);
    }

    internal static CaseResult Guarded(string name, Func<Verdict> check)
    {
        try
        {
            var verdict = check();
            return new CaseResult(name, verdict.Outcome, verdict.MaxAbsError, verdict.Reason);
        }
        catch (Exception error)
        {
            return new CaseResult(name, Outcome.Fail, double.NaN, $"{error.GetType().Name}: {error.Message}");
        }
    }
}
