using System.Collections.Immutable;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

internal sealed partial class PlanBuilder
{
    private Plan Finish(PlanKey key, int leafCount)
    {
        var results = new PlanResult[roots.Length];
        var resultRegions = new List<Region>();
        for (int i = 0; i < roots.Length; i++)
        {
            var value = ValueOf(roots[i]);
            // A small view must not keep a large buffer alive.
            if (value.Region.Kind == RegionKind.Arena && value.Region.Bytes > 2 * Math.Max(64, value.Layout.Count * value.Layout.Type.Size()))
                value = Copy(value, Layout.Contiguous(value.Layout.Type, value.Layout.Shape), roots[i], "result");
            if (value.Region.Kind == RegionKind.Arena)
            {
                value.Region.Kind = RegionKind.Result;
                value.Region.Index = resultRegions.Count;
                resultRegions.Add(value.Region);
            }
            results[i] = new PlanResult(value.Region.Kind == RegionKind.Leaf, value.Region.Index, value.ByteOffset, value.Layout);
        }
        TakeOverInputs();
        var arena = regions.Where(r => r.Resolved == r && r.Kind == RegionKind.Arena && r.LastStep >= 0).ToList();
        long arenaBytes = MemoryPlan.Place(arena);
        var launches = steps.Select(Launch).ToImmutableArray();
        return new Plan(key, launches, results, [.. resultRegions.Select(r => r.Bytes)], arenaBytes, leafCount, Report(arenaBytes, resultRegions.Sum(r => r.Bytes)));
    }

    // An elementwise result may overwrite an input of the same layout that nobody reads afterwards.
    private void TakeOverInputs()
    {
        for (int i = 0; i < steps.Count; i++)
        {
            var step = steps[i];
            var output = step.Operands[^1];
            if (!step.MayTakeOver || output.Region.Kind != RegionKind.Arena || output.Region.FirstStep != i)
                continue;
            foreach (var input in step.Operands[..^1])
            {
                var from = input.Region.Resolved;
                if (from.Kind == RegionKind.Arena && from.LastStep == i && from.Bytes == output.Region.Bytes && input.Offset == 0 && input.Layout.Equals(output.Layout)
                    && step.Operands[..^1].All(o => o.Region.Resolved != from || o.Equals(input)))
                {
                    output.Region.TakeOver(from);
                    break;
                }
            }
        }
    }

    private PlanLaunch Launch(PlanStep step)
    {
        var slots = step.Operands.Select(v => Slot(v.Region, v.ByteOffset)).ToArray();
        var packings = new List<PlanPacking>();
        foreach (var packing in step.Kernel.Packings)
        {
            var operand = step.Operands[packing.Operand];
            packings.Add(new PlanPacking(packing.Operand, operand.Region.Index, $"{packing.Key}|{operand.Layout}|{operand.ByteOffset}", packing));
        }
        return new PlanLaunch(step.Kernel.Launch, slots, step.Workspace is { } w ? Slot(w, 0) : null, [.. step.Scalars], [.. packings], step.Name);
    }

    private static PlanSlot Slot(Region region, long byteOffset)
    {
        var resolved = region.Resolved;
        return resolved.Kind == RegionKind.Arena
            ? new PlanSlot(RegionKind.Arena, 0, resolved.Offset + byteOffset)
            : new PlanSlot(resolved.Kind, resolved.Index, byteOffset);
    }

    private PlanReport Report(long arenaBytes, long resultBytes)
    {
        var kernels = steps.Select(s => new PlannedKernel(s.Name, s.Kernel.Algorithm, s.Shape, s.Fused, s.Kernel.Spec.Flops,
            s.Operands.Sum(o => Math.Min(o.Layout.Span, o.Layout.Count) * o.Layout.Type.Size()), s.Kernel.WorkspaceBytes)).ToImmutableArray();
        var workspaces = steps.Select(s => s.Workspace).ToHashSet();
        long packed = steps.SelectMany(s => s.Kernel.Packings.Select(p => (s.Operands[p.Operand].Region.Index, p.Key, p.Bytes))).Distinct().Sum(p => p.Bytes);
        var computing = nodes.Where(n => !n.IsLeaf && !n.IsConstant && !n.Op.IsView).ToList();
        return new PlanReport(kernels, computing.Count, arenaBytes,
            regions.Where(r => r.Kind == RegionKind.Arena && r.LastStep >= 0 && !workspaces.Contains(r)).Sum(r => r.Bytes),
            computing.Sum(n => n.Shape.Count * n.Type.Size()), resultBytes, packed)
        {
            LiveIntermediateBytes = MostAlive([.. regions.Where(r => r.Resolved == r && r.Kind == RegionKind.Arena && r.LastStep >= 0 && !workspaces.Contains(r))]),
        };
    }

    private static long MostAlive(List<Region> stored) =>
        stored.Select(at => stored.Where(r => r.FirstStep <= at.FirstStep && at.FirstStep <= r.LastStep).Sum(r => r.Bytes)).DefaultIfEmpty().Max();
}
