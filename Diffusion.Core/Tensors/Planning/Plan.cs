using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>Where an operand is at run time.</summary>
internal readonly record struct PlanSlot(RegionKind Kind, int Index, long ByteOffset);

/// <summary>A constant operand to be repacked once: which operand, which leaf, under which key.</summary>
internal sealed record PlanPacking(int Operand, int Leaf, string Key, OperandPacking Packing);

/// <summary>One kernel call.</summary>
internal sealed record PlanLaunch(KernelLaunch Launch, PlanSlot[] Operands, PlanSlot? Workspace, int[] Scalars, PlanPacking[] Packings, string Name);

/// <summary>Where a result is: part of a leaf's memory, or of a result buffer.</summary>
internal sealed record PlanResult(bool IsLeaf, int Index, long ByteOffset, Layout Layout);

/// <summary>Kernels to run for graphs of one structure, with all memory placed. Immutable; holds no tensor.</summary>
internal sealed record Plan(
    PlanKey Key, ImmutableArray<PlanLaunch> Launches, PlanResult[] Results, ImmutableArray<long> ResultBytes, long ArenaBytes, int LeafCount, PlanReport Report)
{
    /// <summary>Told of every kernel when it has run: the benchmarks' profile.</summary>
    internal static Action<PlannedKernel>? Profiler { get; set; }

    /// <summary>Runs the plan for a captured graph and completes its roots.</summary>
    public void Run(Device device, GraphCapture capture, Tensor[] roots, PlanScratch scratch, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        DeviceBuffer? arena = null;
        var results = new DeviceBuffer[ResultBytes.Length];
        bool done = false;
        int retained = 0;
        try
        {
            // Another thread may dispose a tensor that is read here.
            foreach (var leaf in capture.Leaves)
            {
                leaf.Storage!.Retain();
                retained++;
            }
            arena = ArenaBytes > 0 ? RentArena(device) : null;
            for (int i = 0; i < results.Length; i++)
                results[i] = device.Allocate(ResultBytes[i]);
            for (int i = 0; i < Launches.Length; i++)
            {
                cancel.ThrowIfCancellationRequested();
                Run(Launches[i], capture, arena, results, scratch);
                Profiler?.Invoke(Report.Kernels[i]);
            }
            Complete(device, capture, roots, results);
            done = true;
        }
        finally
        {
            scratch.Clear();
            for (int i = 0; i < retained; i++)
                capture.Leaves[i].Storage!.Release();
            if (arena is not null)
                device.Return(arena);
            if (!done)
            {
                foreach (var buffer in results)
                {
                    if (buffer is not null)
                        device.Return(buffer);
                }
            }
        }
    }

    private DeviceBuffer RentArena(Device device)
    {
        try
        {
            return device.Allocate(ArenaBytes);
        }
        catch (DeviceMemoryException e)
        {
            throw new DeviceMemoryException(
                $"Realize: {device.Name} has no room for the plan's {ArenaBytes / 1e6:F0} MB of intermediates ({e.Message}). Compute smaller images or batches, or use float16 weights.");
        }
    }

    private static void Run(PlanLaunch launch, GraphCapture capture, DeviceBuffer? arena, DeviceBuffer[] results, PlanScratch scratch)
    {
        var operands = scratch.Operands(launch.Operands.Length);
        for (int i = 0; i < operands.Length; i++)
            operands[i] = Resolve(launch.Operands[i], capture, arena, results);
        foreach (var packing in launch.Packings)
        {
            var storage = capture.Leaves[packing.Leaf].Storage!;
            operands[packing.Operand] = new BufferSlice(storage.Packed(packing.Key, packing.Packing, operands[packing.Operand]), 0);
        }
        var scalars = scratch.Scalars(launch.Scalars.Length);
        for (int i = 0; i < scalars.Length; i++)
            scalars[i] = capture.Scalars[launch.Scalars[i]];
        launch.Launch(new KernelArguments
        {
            Operands = operands,
            Scalars = scalars,
            Workspace = launch.Workspace is { } workspace ? Resolve(workspace, capture, arena, results) : default,
        });
    }

    private static BufferSlice Resolve(PlanSlot slot, GraphCapture capture, DeviceBuffer? arena, DeviceBuffer[] results)
    {
        if (slot.Kind == RegionKind.Arena)
            return new BufferSlice(arena!, slot.ByteOffset);
        if (slot.Kind == RegionKind.Result)
            return new BufferSlice(results[slot.Index], slot.ByteOffset);
        var leaf = capture.Leaves[slot.Index].Storage!.Slice;
        return leaf with { ByteOffset = leaf.ByteOffset + slot.ByteOffset };
    }

    private void Complete(Device device, GraphCapture capture, Tensor[] roots, DeviceBuffer[] buffers)
    {
        // All are made before one is published: another thread may dispose it at once.
        var owners = new Storage[buffers.Length];
        var storages = new Storage[roots.Length];
        for (int i = 0; i < roots.Length; i++)
        {
            var result = Results[i];
            if (result.IsLeaf)
            {
                var leaf = capture.Leaves[result.Index].Storage!;
                storages[i] = leaf.View(leaf.ByteOffset + result.ByteOffset, result.Layout);
                continue;
            }
            // The first root owns the buffer, further ones share it.
            storages[i] = owners[result.Index] is { } owner
                ? owner.View(result.ByteOffset, result.Layout)
                : owners[result.Index] = new Storage(device, buffers[result.Index], result.ByteOffset, result.Layout);
        }
        for (int i = 0; i < roots.Length; i++)
            roots[i].Complete(storages[i]);
    }
}

/// <summary>Arrays for the arguments of one launch after another.</summary>
internal sealed class PlanScratch
{
    private BufferSlice[] operands = new BufferSlice[16];
    private double[] scalars = new double[16];

    public Span<BufferSlice> Operands(int count)
    {
        if (operands.Length < count)
            operands = new BufferSlice[count * 2];
        return operands.AsSpan(0, count);
    }

    public Span<double> Scalars(int count)
    {
        if (scalars.Length < count)
            scalars = new double[count * 2];
        return scalars.AsSpan(0, count);
    }

    /// <summary>Drops references to buffers.</summary>
    public void Clear() => Array.Clear(operands);
}
