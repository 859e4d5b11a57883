using System.Collections.Immutable;
using Diffusion.Kernels.Cpu;
using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>Elementwise programs on a GPU: one thread an element, by the machine; integers to integers exactly.</summary>
internal static class GpuElementwise
{
    private const int Threads = 256;

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, ElementwiseSpec spec)
    {
        if (spec.Output.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var axes = CollapsedAxes.Create(spec.Operands);
        int inner = InnerAxes(axes.Shape);
        bool integers = spec.Program.Code.IsEmpty && !spec.Output.Type.IsFloat() && !spec.Inputs[^1].Type.IsFloat();
        var layouts = spec.Operands.Select((operand, i) => Inner(axes, i, operand.Type, inner)).ToImmutableArray();
        // A copy reads its last input only.
        var epilogue = integers
            ? GpuEpilogue.Create(context, ElementwiseProgram.Identity, [layouts[^2]], layouts[^1])
            : GpuEpilogue.Create(context, spec.Program, layouts[..^1], layouts[^1]);
        if (epilogue is null)
            return StagedElementwise.Prepare(context, spec);
        var shape = axes.Shape[^inner..];
        var parameters = new ElementwiseParameters
        {
            Count = shape.Aggregate(1, (a, b) => a * b),
            N1 = At(shape, 2),
            N2 = At(shape, 1),
            N3 = At(shape, 0),
        };
        var kernel = integers ? context.Kernels.Get<ElementwiseParameters>(CopyIntegers) : context.Kernels.Get<ElementwiseParameters>(Run);
        int inputs = integers ? 1 : spec.Inputs.Length;
        var outer = Outer(axes, inner, spec.Operands.Length, inputs);
        return new PreparedKernel(spec, integers ? "copy" : "machine", 0, [], (in arguments) =>
        {
            for (int i = 0; i < outer.Length; i++)
            {
                var p = parameters;
                p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars, outer[i][inputs], outer[i].AsSpan(0, inputs));
                kernel.Launch((p.Count + Threads - 1) / Threads, Threads, in p);
            }
        });
    }

    /// <summary>One element a thread.</summary>
    internal static void Run(ElementwiseParameters p)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Count)
            return;
        int i3 = i % p.N3, rest = i / p.N3, i2 = rest % p.N2, i1 = rest / p.N2 % p.N1, i0 = rest / p.N2 / p.N1;
        p.Machine.Finish(0, i0, i1, i2, i3);
    }

    /// <summary>One integer a thread, without the detour through float32.</summary>
    internal static void CopyIntegers(ElementwiseParameters p)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Count)
            return;
        int i3 = i % p.N3, rest = i / p.N3, i2 = rest % p.N2, i1 = rest / p.N2 % p.N1, i0 = rest / p.N2 / p.N1;
        var output = p.Machine.Output;
        output.StoreInteger(output.Offset(i0, i1, i2, i3), p.Machine.I0.LoadInteger(p.Machine.I0.Offset(i0, i1, i2, i3)));
    }

    // Up to four axes with fewer than 2^31 elements are the kernel's, the others the host's.
    private static int InnerAxes(ImmutableArray<int> shape)
    {
        int inner = 1;
        long count = shape[^1];
        while (inner < Math.Min(4, shape.Length) && count * shape[^(inner + 1)] <= int.MaxValue - Threads)
            count *= shape[^++inner];
        return inner;
    }

    private static Layout Inner(CollapsedAxes axes, int operand, ElementType type, int inner) =>
        new(type, axes.Shape[^inner..], axes.Strides[operand][^inner..]);

    private static int At(ImmutableArray<int> shape, int fromEnd) => fromEnd < shape.Length ? shape[^(fromEnd + 1)] : 1;

    // Every operand's offset for each place along the outer axes; the last inputs of a copy only, then the output.
    private static long[][] Outer(CollapsedAxes axes, int inner, int operands, int inputs)
    {
        var shape = axes.Shape[..^inner];
        long count = shape.Aggregate(1L, (a, b) => a * b);
        var places = new long[count][];
        for (long i = 0; i < count; i++)
        {
            places[i] = new long[inputs + 1];
            long rest = i;
            for (int axis = shape.Length - 1; axis >= 0; axis--)
            {
                for (int k = 0; k <= inputs; k++)
                    places[i][k] += rest % shape[axis] * axes.Strides[operands - 1 - inputs + k][axis];
                rest /= shape[axis];
            }
        }
        return places;
    }
}

/// <summary>An elementwise launch: elements, the lengths of the inner axes (the outermost follows), and the program.</summary>
internal struct ElementwiseParameters
{
    public int Count, N1, N2, N3;
    public GpuMachine Machine;
}
