using System.Collections.Immutable;

namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>A spec with data, and how far a backend may be from the float64 reference.</summary>
/// <param name="Name">Unique; seeds the data.</param>
/// <param name="Spec">What to compute.</param>
public sealed record ContractCase(string Name, KernelSpec Spec)
{
    /// <summary>The launch's host scalars.</summary>
    public ImmutableArray<double> Scalars { get; init; } = [];

    /// <summary>Allowed |error| / (1 + |expected|) for float32 outputs; narrower types add their own rounding.</summary>
    public double Tolerance { get; init; } = 1e-5;

    /// <summary>Makes one element of an operand: (operand, element's number, random numbers) → value. Default: uniform in −2 … 2.</summary>
    public Func<int, long, Random, double>? Data { get; init; }

    /// <summary>Integers must agree exactly (copies); otherwise a value near a boundary may fall on either side.</summary>
    public bool ExactIntegers { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A list of cases that a theory runs by name.</summary>
public sealed class CaseList(IEnumerable<ContractCase> cases)
{
    private readonly ImmutableDictionary<string, ContractCase> byName = cases.ToImmutableDictionary(c => c.Name);

    /// <summary>The names, in a stable order.</summary>
    public IEnumerable<TheoryDataRow<string>> Names => byName.Keys.Order(StringComparer.Ordinal).Select(name => new TheoryDataRow<string>(name));

    /// <summary>One case.</summary>
    public ContractCase this[string name] => byName[name];

    /// <summary>One case, if the list has it.</summary>
    public ContractCase? Find(string name) => byName.GetValueOrDefault(name);
}
