using System.Collections.Immutable;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// A program too large for the machine, one instruction a launch: values between instructions lie in the workspace as dense float32.
/// </summary>
internal static class StagedElementwise
{
    private sealed record Step(PreparedKernel Kernel, int[] Sources, int[] Scalars);

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, ElementwiseSpec spec)
    {
        var program = spec.Program;
        int inputs = program.InputCount, last = program.RegisterCount - 1;
        var dense = Layout.Contiguous(ElementType.Float32, spec.Output.Shape);
        var slots = new Slots();
        var slotOf = new Dictionary<int, int>();
        var steps = new List<Step>();
        // A value's source is an operand (≥ 0), or a slot s of the workspace (−1−s).
        int Source(int value) => value < inputs ? value : -1 - slotOf[value];
        for (int i = 0; i < program.Code.Length || steps.Count == 0; i++)
        {
            int value = program.Code.IsEmpty ? last : inputs + i;
            if (value != last && IsConstant(program, value))
                continue;
            var (single, sources, scalars) = Single(program, value);
            var layouts = sources.Select(s => s < inputs ? spec.Inputs[s] : dense).ToImmutableArray();
            int[] places = [.. sources.Select(Source)];
            foreach (int s in sources.Where(s => s >= inputs && LastUse(program, s) == i))
                slots.Free(slotOf[s]);
            var target = value == last ? spec.Output : dense;
            int place = value == last ? inputs : -1 - (slotOf[value] = slots.Take());
            var kernel = GpuElementwise.Prepare(context, new ElementwiseSpec(single, layouts, target));
            steps.Add(new Step(kernel, [.. places, place], scalars));
            if (value == last)
                break;
        }
        long bytes = (dense.Count * sizeof(float) + 255) / 256 * 256;
        return new PreparedKernel(spec, "staged", slots.Count * bytes, [], (in arguments) =>
        {
            foreach (var step in steps)
                Launch(step, in arguments, bytes);
        });
    }

    private static void Launch(Step step, in KernelArguments arguments, long bytes)
    {
        Span<double> scalars = stackalloc double[step.Scalars.Length];
        for (int i = 0; i < scalars.Length; i++)
            scalars[i] = arguments.Scalars[step.Scalars[i]];
        var operands = new BufferSlice[step.Sources.Length];
        for (int i = 0; i < operands.Length; i++)
        {
            int source = step.Sources[i];
            operands[i] = source >= 0 ? arguments.Operands[source] : arguments.Workspace with { ByteOffset = arguments.Workspace.ByteOffset + (-1 - source) * bytes };
        }
        step.Kernel.Launch(new KernelArguments { Operands = operands, Scalars = scalars });
    }

    // One instruction with the constants it reads, over the distinct values that it needs from elsewhere.
    private static (ElementwiseProgram Program, int[] Sources, int[] Scalars) Single(ElementwiseProgram program, int value)
    {
        if (value < program.InputCount)
            return (ElementwiseProgram.Identity, [value], []);
        var (op, a, b, c, immediate) = program.Code[value - program.InputCount];
        int[] used = [.. new[] { a, b, c }.Take(op.Arity())];
        int[] sources = [.. used.Where(v => !IsConstant(program, v)).Distinct()];
        var code = new List<Instruction>();
        var scalars = new List<int>();
        Instruction Load(Instruction constant)
        {
            if (constant.Op != ElementwiseOp.Scalar)
                return constant;
            scalars.Add(constant.A);
            return constant with { A = scalars.Count - 1 };
        }
        int Register(int v)
        {
            int source = Array.IndexOf(sources, v);
            if (source >= 0)
                return source;
            code.Add(Load(program.Code[v - program.InputCount]));
            return sources.Length + code.Count - 1;
        }
        int[] registers = [.. used.Select(Register)];
        int At(int k) => k < registers.Length ? registers[k] : 0;
        code.Add(IsConstant(program, value) ? Load(program.Code[value - program.InputCount]) : new Instruction(op, At(0), At(1), At(2), immediate));
        return (new ElementwiseProgram(sources.Length, [.. code]), sources, [.. scalars]);
    }

    private static bool IsConstant(ElementwiseProgram program, int value) =>
        value >= program.InputCount && program.Code[value - program.InputCount].Op is ElementwiseOp.Constant or ElementwiseOp.Scalar;

    private static int LastUse(ElementwiseProgram program, int value)
    {
        for (int i = program.Code.Length - 1; i >= 0; i--)
        {
            var (op, a, b, c, _) = program.Code[i];
            if ((op.Arity() > 0 && a == value) || (op.Arity() > 1 && b == value) || (op.Arity() > 2 && c == value))
                return i;
        }
        return -1;
    }

    private sealed class Slots
    {
        private readonly Stack<int> free = new();

        public int Count { get; private set; }

        public int Take() => free.TryPop(out int slot) ? slot : Count++;

        public void Free(int slot) => free.Push(slot);
    }
}
