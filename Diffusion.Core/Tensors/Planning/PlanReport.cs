using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>One kernel of a plan.</summary>
/// <param name="Name">The contract: Gemm, Convolution, Attention, Elementwise, ….</param>
/// <param name="Algorithm">Which way the backend chose.</param>
/// <param name="Output">Shape of the result.</param>
/// <param name="Fused">Operations that run inside this kernel beside its own, in order.</param>
/// <param name="Flops">Floating-point operations of the plain definition.</param>
/// <param name="Bytes">Bytes read and written at least: all operands once.</param>
/// <param name="WorkspaceBytes">Scratch.</param>
public sealed record PlannedKernel(string Name, string Algorithm, Shape Output, ImmutableArray<string> Fused, double Flops, long Bytes, long WorkspaceBytes);

/// <summary>What a plan does, for people: what was fused, how much memory it takes, which kernels run.</summary>
/// <param name="Kernels">In the order they run.</param>
/// <param name="Operations">Operations of the graph that compute something (views excluded).</param>
/// <param name="PeakBytes">Transient memory of the whole plan: intermediates and scratch, with reuse.</param>
/// <param name="IntermediateBytes">Sum of all intermediates that are stored, without reuse.</param>
/// <param name="UnfusedBytes">Sum of the results of all operations, had each been stored.</param>
/// <param name="ResultBytes">What stays afterwards: the tensors asked for.</param>
/// <param name="PackedBytes">Weights repacked for the kernels (once, kept with the weights).</param>
public sealed record PlanReport(
    ImmutableArray<PlannedKernel> Kernels, int Operations, long PeakBytes, long IntermediateBytes, long UnfusedBytes, long ResultBytes, long PackedBytes)
{
    /// <summary>Floating-point operations in all.</summary>
    public double Flops => Kernels.Sum(k => k.Flops);

    /// <summary>Operations that needed no kernel of their own.</summary>
    public int FusedOperations => Kernels.Sum(k => k.Fused.Length);

    /// <summary>Most bytes of intermediates that are alive at once, scratch not counted: at most <see cref="IntermediateBytes"/>.</summary>
    public long LiveIntermediateBytes { get; init; }

    /// <summary>The scratch of the kernel that needs most of it; kernels run one after another, so it is never needed twice.</summary>
    public long ScratchBytes => Kernels.Select(k => k.WorkspaceBytes).DefaultIfEmpty().Max();

    /// <summary>The summary without the list of kernels.</summary>
    public string Summary => string.Create(CultureInfo.InvariantCulture,
        $"{Operations} operations in {Kernels.Length} kernels ({FusedOperations} fused); {Flops / 1e9:F2} GFLOP; peak {Megabytes(PeakBytes)}: {Intermediates}, scratch {Megabytes(ScratchBytes)} at most; {Megabytes(UnfusedBytes)} without fusion; packed weights {Megabytes(PackedBytes)}");

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder(Summary).AppendLine();
        for (int i = 0; i < Kernels.Length; i++)
        {
            var k = Kernels[i];
            text.Append(CultureInfo.InvariantCulture, $"{i,5}  {k.Name,-13} {k.Algorithm,-18} {k.Output,-22} {k.Flops / 1e6,10:F1} MFLOP {Megabytes(k.Bytes),10}");
            if (!k.Fused.IsEmpty)
                text.Append("  + ").AppendJoin(", ", k.Fused);
            text.AppendLine();
        }
        return text.ToString();
    }

    // Scratch isn't an intermediate: in a small graph it is many times as much, and a share of nothing says nothing.
    private string Intermediates => IntermediateBytes == 0 ? "no intermediates" : string.Create(CultureInfo.InvariantCulture,
        $"{Megabytes(LiveIntermediateBytes)} of {Megabytes(IntermediateBytes)} intermediates at once ({100.0 * LiveIntermediateBytes / IntermediateBytes:F0} %)");

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB");
}
