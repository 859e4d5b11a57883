using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// The checks that every backend's kernels have: layouts and spec once, then each launch's operands, without
/// allocating. A kernel behind it may trust what it is given.
/// </summary>
internal static class LaunchGuard
{
    /// <summary>Throws <see cref="KernelShapeException"/> unless the spec's layouts are sound and fit each other.</summary>
    public static void Validate(KernelSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        string name = spec.GetType().Name;
        var operands = spec.Operands;
        foreach (var layout in operands)
            Validate(layout, name);
        var output = operands[^1];
        for (int i = 0; i < output.Rank; i++)
        {
            if (output.Shape[i] > 1 && output.Strides[i] == 0)
                throw new KernelShapeException($"{name}: the output {output} has a stride of 0, so elements would overwrite each other; give it memory of its own.");
        }
        spec.Validate();
    }

    private static void Validate(Layout layout, string name)
    {
        if (layout is null || layout.Shape.IsDefault || layout.Strides.IsDefault || layout.Shape.Length != layout.Strides.Length)
            throw new KernelShapeException($"{name}: an operand's layout has no shape, or not one stride an axis.");
        if (!Enum.IsDefined(layout.Type))
            throw new KernelShapeException($"{name}: {(int)layout.Type} isn't an element type.");
        UInt128 last = 0, count = 1;
        for (int i = 0; i < layout.Rank; i++)
        {
            if (layout.Shape[i] < 0 || layout.Strides[i] < 0)
                throw new KernelShapeException($"{name}: lengths and strides are at least 0; got {layout}.");
            last += (UInt128)Math.Max(layout.Shape[i] - 1, 0) * (ulong)layout.Strides[i];
            count = count > long.MaxValue ? count : count * (uint)layout.Shape[i];
        }
        if (count > long.MaxValue / 8 || last > long.MaxValue / 8)
            throw new KernelShapeException($"{name}: {layout} is larger than any memory; use a smaller batch or picture.");
    }

    /// <summary>Puts the checks before a kernel's launch.</summary>
    public static PreparedKernel Guard(IKernelBackend backend, PreparedKernel kernel)
    {
        var needed = kernel.Spec.Operands.Select(operand => operand.Span * operand.Type.Size()).ToArray();
        foreach (var packing in kernel.Packings)
            needed[packing.Operand] = packing.Bytes;
        var launch = kernel.Launch;
        string name = kernel.Spec.GetType().Name;
        int scalars = kernel.Spec.ScalarCount;
        long workspace = kernel.WorkspaceBytes;
        return kernel with
        {
            Launch = (in arguments) =>
            {
                if (arguments.Operands.Length != needed.Length)
                    ThrowCount(name, "operands", arguments.Operands.Length, needed.Length);
                if (arguments.Scalars.Length < scalars)
                    ThrowCount(name, "scalars", arguments.Scalars.Length, scalars);
                for (int i = 0; i < needed.Length; i++)
                    Check(backend, arguments.Operands[i], needed[i], name);
                if (workspace > 0)
                    Check(backend, arguments.Workspace, workspace, name);
                launch(in arguments);
            },
            Packings = ImmutableArray.CreateRange(kernel.Packings, packing => Guard(backend, packing, kernel.Spec.Operands[packing.Operand], name)),
        };
    }

    private static OperandPacking Guard(IKernelBackend backend, OperandPacking packing, Layout operand, string name)
    {
        long source = operand.Span * operand.Type.Size();
        var pack = packing.Pack;
        return packing with
        {
            Pack = (from, to) =>
            {
                Check(backend, from, source, name);
                Check(backend, to, packing.Bytes, name);
                pack(from, to);
            },
        };
    }

    /// <summary>Refuses memory of another backend, given back, or too short.</summary>
    public static void Check(IKernelBackend backend, BufferSlice slice, long bytes, string operation)
    {
        var buffer = slice.Buffer;
        if (buffer is null || !ReferenceEquals(buffer.Backend, backend))
            ThrowForeign(buffer, backend, operation);
        ObjectDisposedException.ThrowIf(buffer!.IsDisposed, buffer);
        if (slice.ByteOffset < 0 || bytes > buffer.ByteLength - slice.ByteOffset)
            ThrowShort(buffer, slice.ByteOffset, bytes, operation);
    }

    private static void ThrowForeign(DeviceBuffer? buffer, IKernelBackend backend, string operation) => throw new ArgumentException(
        $"{operation}: the memory is {(buffer is null ? "missing" : "of " + buffer.Backend.Info.Name)}, expected memory of {backend.Info.Name}; copy it there by Download and Upload.");

    private static void ThrowShort(DeviceBuffer buffer, long offset, long bytes, string operation) => throw new ArgumentOutOfRangeException(
        nameof(offset), $"{operation}: {bytes} bytes from offset {offset} don't lie within a buffer of {buffer.ByteLength} bytes.");

    private static void ThrowCount(string name, string what, int got, int expected) =>
        throw new ArgumentException($"{name}: the launch has {got} {what}, expected {expected}.");
}
