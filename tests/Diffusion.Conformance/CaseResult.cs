namespace Diffusion.Conformance;

/// <summary>How a case ended.</summary>
public enum Outcome
{
    /// <summary>Within the tolerance.</summary>
    Pass,

    /// <summary>Outside of it, or an exception.</summary>
    Fail,

    /// <summary>Not supported yet.</summary>
    Skip,
}

/// <summary>One case's result. <see cref="Name"/> is <c>area/case</c>; <see cref="Reason"/> is empty for a pass.</summary>
public sealed record CaseResult(string Name, Outcome Outcome, double MaxAbsError, string Reason)
{
    /// <summary>The runner's line for it.</summary>
    public override string ToString()
    {
        var line = FormattableString.Invariant($"{Outcome.ToString().ToUpperInvariant()} {Name} max_abs_err={MaxAbsError:G4}");
        return Reason.Length == 0 ? line : $"{line} {Reason.ReplaceLineEndings(" ")}";
    }
}

/// <summary>What the check inside a case found, before it has a name.</summary>
public sealed record Verdict(Outcome Outcome, double MaxAbsError, string Reason)
{
    /// <summary>Within the tolerance.</summary>
    public static Verdict Pass(double maxAbsError) => new(Outcome.Pass, maxAbsError, "");

    /// <summary>Not as it should be.</summary>
    public static Verdict Fail(string reason, double maxAbsError = double.NaN) => new(Outcome.Fail, maxAbsError, reason);

    /// <summary>Not supported yet: <paramref name="reason"/> says what.</summary>
    public static Verdict Skip(string reason) => new(Outcome.Skip, double.NaN, reason);

    /// <summary>This verdict unless it passed and the other didn't; the error is the larger one.</summary>
    public Verdict And(Verdict other)
    {
        var worst = Outcome == Outcome.Fail || other.Outcome == Outcome.Pass ? this : other;
        return worst with { MaxAbsError = MaxOf(MaxAbsError, other.MaxAbsError) };
    }

    /// <summary>The verdict over all parts of a case. No part at all is a failure: nothing was checked.</summary>
    public static Verdict All(IEnumerable<Verdict> parts) =>
        parts.Aggregate((Verdict?)null, (sum, next) => sum is null ? next : sum.And(next)) ?? Fail("The case holds nothing to check.");

    private static double MaxOf(double a, double b) => double.IsNaN(a) ? b : double.IsNaN(b) ? a : Math.Max(a, b);
}
