using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// A program compiled for tiles: each register is an array of at most <see cref="TileColumns"/> floats. Registers share slots once
/// their last reader is done; what doesn't depend on the inputs is computed once for many tiles.
/// </summary>
internal sealed unsafe class CpuTileProgram
{
    private readonly Step[] uniform, varying;

    private CpuTileProgram(int inputs, int slots, int result, int tile, Step[] uniform, Step[] varying)
    {
        InputCount = inputs;
        SlotCount = slots;
        ResultSlot = result;
        TileColumns = tile;
        this.uniform = uniform;
        this.varying = varying;
    }

    /// <summary>Slots 0 … InputCount−1 are the inputs and are never written.</summary>
    public int InputCount { get; }

    /// <summary>Number of slots, inputs included.</summary>
    public int SlotCount { get; }

    /// <summary>Where the result is, unless it went to the target given to <see cref="Run"/>.</summary>
    public int ResultSlot { get; }

    /// <summary>The most elements that a tile may have; chosen so that all slots stay in the first-level cache.</summary>
    public int TileColumns { get; }

    /// <summary>Whether the last step writes to the target itself; otherwise the result lies in <see cref="ResultSlot"/>.</summary>
    public bool WritesTarget => varying.Length > 0 && varying[^1].Target < 0;

    /// <summary>Compiles a validated program.</summary>
    public static CpuTileProgram Compile(ElementwiseProgram program)
    {
        int inputs = program.InputCount, count = program.RegisterCount;
        var lastReader = new int[count];
        var isUniform = new bool[count];
        for (int i = 0; i < program.Code.Length; i++)
        {
            var (op, a, b, c, _) = program.Code[i];
            ReadOnlySpan<int> operands = [a, b, c];
            bool all = true;
            foreach (int operand in operands[..op.Arity()])
            {
                lastReader[operand] = i;
                all &= isUniform[operand];
            }
            isUniform[inputs + i] = all;
        }
        var slots = new int[count];
        for (int i = 0; i < inputs; i++)
            slots[i] = i;
        int next = inputs;
        var free = new Stack<int>();
        var uniform = ImmutableArray.CreateBuilder<Step>();
        var varying = ImmutableArray.CreateBuilder<Step>();
        for (int i = 0; i < program.Code.Length; i++)
        {
            var (op, a, b, c, immediate) = program.Code[i];
            int register = inputs + i, arity = op.Arity();
            bool last = register == count - 1;
            int Slot(int operand, int position) => arity > position ? slots[operand] : 0;
            if (isUniform[register])
            {
                slots[register] = next++;
                uniform.Add(new Step(op, slots[register], op == ElementwiseOp.Scalar ? a : Slot(a, 0), Slot(b, 1), Slot(c, 2), (float)immediate));
                continue;
            }
            ReadOnlySpan<int> operands = [a, b, c];
            int sa = Slot(a, 0), sb = Slot(b, 1), sc = Slot(c, 2);
            foreach (int operand in operands[..arity])
            {
                if (operand >= inputs && !isUniform[operand] && lastReader[operand] == i && !free.Contains(slots[operand]))
                    free.Push(slots[operand]);
            }
            // −1 is the target given at run time.
            slots[register] = last ? -1 : free.Count > 0 ? free.Pop() : next++;
            varying.Add(new Step(op, slots[register], sa, sb, sc, 0));
        }
        int tile = next <= 6 ? 1024 : next <= 12 ? 512 : 256;
        return new CpuTileProgram(inputs, next, slots[count - 1], tile, uniform.ToArray(), varying.ToArray());
    }

    /// <summary>Computes what is the same in every tile.</summary>
    public void RunUniform(float** slots, float* scalars, nint columns)
    {
        foreach (ref readonly var step in uniform.AsSpan())
        {
            float* target = slots[step.Target];
            if (step.Op == ElementwiseOp.Constant)
                CpuTileOps.Fill(target, step.Immediate, columns);
            else if (step.Op == ElementwiseOp.Scalar)
                CpuTileOps.Fill(target, scalars[step.A], columns);
            else
                step.Loop(target, slots[step.A], slots[step.B], slots[step.C], columns);
        }
    }

    /// <summary>Computes one tile; the result goes to <paramref name="target"/> if <see cref="WritesTarget"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run(float** slots, float* target, nint columns)
    {
        foreach (ref readonly var step in varying.AsSpan())
            step.Loop(step.Target < 0 ? target : slots[step.Target], slots[step.A], slots[step.B], slots[step.C], columns);
    }

    private readonly struct Step(ElementwiseOp op, int target, int a, int b, int c, float immediate)
    {
        public readonly ElementwiseOp Op = op;
        public readonly int Target = target, A = a, B = b, C = c;
        public readonly float Immediate = immediate;
        public readonly delegate*<float*, float*, float*, float*, nint, void> Loop = op.Arity() == 0 ? null : CpuTileOps.Loop(op);
    }
}
