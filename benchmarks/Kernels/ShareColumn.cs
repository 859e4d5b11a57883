using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Diffusion.Benchmarks.Measuring;

namespace Diffusion.Benchmarks.Kernels;

/// <summary>
/// How much of what the machine can do at most a kernel reaches, both measured in this process: fused multiply-adds of all cores, or bytes a second
/// from memory. Above 100 % a kernel does less arithmetic than its definition (Winograd), or reads from caches.
/// </summary>
internal sealed class ShareColumn : IColumn
{
    private readonly Func<Work, double> amount;
    private readonly Lazy<double> most;

    private ShareColumn(string name, string legend, Func<Work, double> amount, Func<double> most)
    {
        (ColumnName, Legend, this.amount, this.most) = (name, legend, amount, new(most));
    }

    /// <summary>Share of the arithmetic peak.</summary>
    public static IColumn OfPeak { get; } = new ShareColumn(
        "FMA peak", "Share of the measured peak of fused multiply-adds, all cores", work => work.Flops, () => Peak.GigaflopsPerCore() * Environment.ProcessorCount);

    /// <summary>Share of the memory bandwidth.</summary>
    public static IColumn OfBandwidth { get; } = new ShareColumn(
        "Bandwidth", "Share of the measured bandwidth of reading memory, all cores", work => work.Bytes, Bandwidth.GigabytesPerSecond);

    public string Id => $"{nameof(ShareColumn)}.{ColumnName}";

    public string ColumnName { get; }

    public string Legend { get; }

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        if (summary[benchmarkCase]?.ResultStatistics is not { } times || Activator.CreateInstance(benchmarkCase.Descriptor.Type) is not IKnowsWork kernel)
            return "-";
        foreach (var parameter in benchmarkCase.Parameters.Items)
            benchmarkCase.Descriptor.Type.GetProperty(parameter.Name)!.SetValue(kernel, parameter.Value);
        double much = amount(kernel.WorkOf(benchmarkCase.Descriptor.WorkloadMethod.Name));
        return much == 0 ? "-" : (much / times.Median / most.Value).ToString("P0", CultureInfo.InvariantCulture);
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public bool IsAvailable(Summary summary) => true;

    public override string ToString() => ColumnName;
}
