using System.Collections.Immutable;
using Diffusion.Kernels.Cpu;
using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>Reductions on a GPU: a group of threads a result.</summary>
internal static class GpuReduction
{
    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, ReductionSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (!GpuEpilogue.Fits(spec.After))
            return GpuComposite.Prepare(context, spec, 1);
        var (x, y) = (spec.X, spec.Y);
        var from = new Layout(x.Type, x.Shape[..y.Rank], x.Strides[..y.Rank]);
        var over = new Layout(x.Type, x.Shape[y.Rank..], x.Strides[y.Rank..]);
        var kept = CollapsedAxes.Create([from, .. spec.After.Inputs, y]);
        bool empty = over.Count == 0;
        // The first largest must stay the first: order is the spec's, as one axis is.
        var reduced = empty ? null : CollapsedAxes.Create([over]);
        if (kept.Shape.Length > 4 || reduced?.Shape.Length > 4 || kept.Shape.Aggregate(1L, (a, b) => a * b) > int.MaxValue)
            return Copied(context, spec);
        var parameters = new ReductionParameters
        {
            Kind = (int)spec.Kind,
            N1 = At(kept.Shape, 2),
            N2 = At(kept.Shape, 1),
            N3 = At(kept.Shape, 0),
            Length = (int)over.Count,
            L1 = reduced is null ? 1 : At(reduced.Shape, 2),
            L2 = reduced is null ? 1 : At(reduced.Shape, 1),
            L3 = reduced is null ? 1 : At(reduced.Shape, 0),
            X = GpuContext.Operand(kept.Layout(0, x.Type)),
            Over = GpuContext.Operand(reduced is null ? new Layout(x.Type, [1], [1]) : reduced.Layout(0, x.Type)),
        };
        var after = spec.After with { Inputs = [.. spec.After.Inputs.Select((input, i) => kept.Layout(i + 1, input.Type))] };
        var epilogue = GpuEpilogue.Create(context, after, kept.Layout(after.Inputs.Length + 1, y.Type))!;
        int threads = context.RowThreads(parameters.Length);
        bool index = spec.Kind == ReductionKind.ArgMax;
        var kernel = index ? context.Kernels.Get<ReductionParameters>(RunArgMax) : context.Kernels.Get<ReductionParameters>(Run);
        long groups = y.Count;
        return new PreparedKernel(spec, index ? "argmax" : "group", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            p.Over.Words = p.X.Words;
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            kernel.Launch(groups, threads, in p);
        });
    }

    // More axes than the kernel takes: a dense copy has two.
    private static PreparedKernel Copied(GpuContext context, ReductionSpec spec)
    {
        var dense = Layout.Contiguous(spec.X.Type, spec.X.Shape);
        var copy = GpuElementwise.Prepare(context, new ElementwiseSpec(ElementwiseProgram.Identity, [spec.X], dense));
        var plain = Layout.Contiguous(spec.Kind == ReductionKind.ArgMax ? spec.Y.Type : ElementType.Float32, spec.Y.Shape);
        var reduce = Prepare(context, spec with { X = dense, Y = plain, After = Epilogue.None });
        var finish = GpuElementwise.Prepare(context, new ElementwiseSpec(spec.After.Program, [plain, .. spec.After.Inputs], spec.Y));
        long first = GpuProduct.Aligned(dense.Count * dense.Type.Size()), second = GpuProduct.Aligned(plain.Count * plain.Type.Size());
        var pair = new BufferSlice[2];
        var last = new BufferSlice[spec.After.Inputs.Length + 2];
        return new PreparedKernel(spec, "copy + " + reduce.Algorithm, first + second + finish.WorkspaceBytes, [], (in arguments) =>
        {
            var place = arguments.Workspace;
            var results = place with { ByteOffset = place.ByteOffset + first };
            (pair[0], pair[1]) = (arguments.Operands[0], place);
            copy.Launch(new KernelArguments { Operands = pair });
            (pair[0], pair[1]) = (place, results);
            reduce.Launch(new KernelArguments { Operands = pair });
            last[0] = results;
            arguments.Operands[1..].CopyTo(last.AsSpan(1));
            finish.Launch(new KernelArguments
            {
                Operands = last,
                Scalars = arguments.Scalars,
                Workspace = results with { ByteOffset = results.ByteOffset + second },
            });
        });
    }

    private static int At(ImmutableArray<int> shape, int fromEnd) => fromEnd < shape.Length ? shape[^(fromEnd + 1)] : 1;

    /// <summary>One result a group.</summary>
    internal static void Run(ReductionParameters p)
    {
        var shared = SharedMemory.Allocate<float>(GroupSums.MaxThreads);
        int t = Group.IdxX;
        long origin = p.Origin(Grid.IdxX);
        float value = p.Kind == (int)ReductionKind.Maximum ? float.NegativeInfinity
            : p.Kind == (int)ReductionKind.Minimum ? float.PositiveInfinity : 0f;
        var sum = default(CarefulSum);
        var product = CarefulProduct.One;
        for (int i = t; i < p.Length; i += Group.DimX)
        {
            float element = p.X.Load(origin + p.Place(i));
            if (p.Kind <= (int)ReductionKind.Mean)
                sum = sum.Plus(element);
            else if (p.Kind == (int)ReductionKind.Product)
                product = product.Times(element);
            else
                value = Combine(p.Kind, value, element);
        }
        shared[t] = p.Kind <= (int)ReductionKind.Mean ? sum.Value : p.Kind == (int)ReductionKind.Product ? product.Value : value;
        Group.Barrier();
        for (int step = Group.DimX / 2; step > 0; step /= 2)
        {
            if (t < step)
                shared[t] = Combine(p.Kind, shared[t], shared[t + step]);
            Group.Barrier();
        }
        if (t == 0)
            p.Finish(p.Kind == (int)ReductionKind.Mean ? shared[0] / p.Length : shared[0], Grid.IdxX);
    }

    /// <summary>The place of the first largest, NaN being largest.</summary>
    internal static void RunArgMax(ReductionParameters p)
    {
        var values = SharedMemory.Allocate<float>(GroupSums.MaxThreads);
        var places = SharedMemory.Allocate<int>(GroupSums.MaxThreads);
        int t = Group.IdxX;
        long origin = p.Origin(Grid.IdxX);
        float largest = float.NegativeInfinity;
        int best = int.MaxValue;
        for (int i = t; i < p.Length; i += Group.DimX)
        {
            float element = p.X.Load(origin + p.Place(i));
            if (Wins(element, i, largest, best))
            {
                largest = element;
                best = i;
            }
        }
        values[t] = largest;
        places[t] = best;
        Group.Barrier();
        for (int step = Group.DimX / 2; step > 0; step /= 2)
        {
            if (t < step && Wins(values[t + step], places[t + step], values[t], places[t]))
            {
                values[t] = values[t + step];
                places[t] = places[t + step];
            }
            Group.Barrier();
        }
        if (t == 0)
        {
            var output = p.Machine.Output;
            output.StoreInteger(p.OutputPlace(Grid.IdxX), places[0]);
        }
    }

    private static bool Wins(float value, int place, float other, int otherPlace)
    {
        bool nan = DeviceMath.IsNaN(value), otherNan = DeviceMath.IsNaN(other);
        if (nan != otherNan)
            return nan;
        return nan || value == other ? place < otherPlace : value > other;
    }

    private static float Combine(int kind, float a, float b) =>
        kind == (int)ReductionKind.Maximum ? DeviceMath.Maximum(a, b)
        : kind == (int)ReductionKind.Minimum ? DeviceMath.Minimum(a, b)
        : kind == (int)ReductionKind.Product ? a * b : a + b;
}

/// <summary>A reduction's launch: kept axes by N, reduced ones by L (the outermost of each follows from the count).</summary>
internal struct ReductionParameters
{
    public int Kind, N1, N2, N3, Length, L1, L2, L3;
    public GpuOperand X, Over;
    public GpuMachine Machine;

    /// <summary>Elements from X's start to a result's first element.</summary>
    public readonly long Origin(int result)
    {
        int i3 = result % N3, rest = result / N3;
        return X.Offset(rest / N2 / N1, rest / N2 % N1, rest % N2, i3);
    }

    /// <summary>Elements from there to a reduced element.</summary>
    public readonly long Place(int i)
    {
        int i3 = i % L3, rest = i / L3;
        return Over.Offset(rest / L2 / L1, rest / L2 % L1, rest % L2, i3);
    }

    /// <summary>Elements from Y's start to a result.</summary>
    public readonly long OutputPlace(int result)
    {
        int i3 = result % N3, rest = result / N3;
        return Machine.Output.Offset(rest / N2 / N1, rest / N2 % N1, rest % N2, i3);
    }

    public readonly void Finish(float value, int result)
    {
        int i3 = result % N3, rest = result / N3;
        Machine.Finish(value, rest / N2 / N1, rest / N2 % N1, rest % N2, i3);
    }
}
