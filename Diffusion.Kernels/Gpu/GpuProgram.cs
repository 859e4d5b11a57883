using System.Collections.Immutable;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// An elementwise program in the machine's code: registers assigned by next use; inputs and constants are loaded where they are
/// needed, and again when their register was wanted for something else.
/// </summary>
internal static class GpuProgram
{
    /// <summary>The code, or empty if the program needs more registers, operands or scalars than the machine has.</summary>
    /// <param name="program">The program; with a kernel's result it is its first input.</param>
    /// <param name="results">0 (elementwise) or 1 (an epilogue).</param>
    public static ImmutableArray<int> Encode(ElementwiseProgram program, int results)
    {
        if (program.InputCount - results > GpuMachine.MaxInputs || program.ScalarCount > GpuMachine.MaxScalars)
            return [];
        return new Encoder(program, results).Run();
    }

    private sealed class Encoder
    {
        private readonly ElementwiseProgram program;
        private readonly int results;
        private readonly int[] holder = new int[GpuMachine.Registers];
        private readonly List<int> code = [];

        public Encoder(ElementwiseProgram program, int results)
        {
            this.program = program;
            this.results = results;
            Array.Fill(holder, -1);
            if (results > 0)
                holder[0] = 0;
        }

        public ImmutableArray<int> Run()
        {
            int inputs = program.InputCount, last = program.RegisterCount - 1;
            for (int i = 0; i < program.Code.Length; i++)
            {
                if (IsClean(inputs + i) && inputs + i != last)
                    continue;
                var (op, a, b, c, immediate) = program.Code[i];
                int arity = op.Arity();
                Span<int> sources = [a, b, c], registers = [0, 0, 0];
                for (int k = 0; k < arity; k++)
                {
                    registers[k] = Resident(sources[k], i, sources[..arity]);
                    if (registers[k] < 0)
                        return [];
                }
                Forget(i + 1);
                int target = Free(i + 1, []);
                if (target < 0)
                    return [];
                holder[target] = inputs + i;
                Emit((int)op, target, op == ElementwiseOp.Scalar ? a : registers[0], registers[1], registers[2], immediate);
            }
            int at = Resident(last, program.Code.Length, [last]);
            if (at < 0)
                return [];
            // An empty code means "the result as it is"; a program that only moves must have an instruction.
            if (at != 0 || (results == 0 && code.Count == 0))
                Emit((int)ElementwiseOp.Copy, 0, at, 0, 0, 0);
            return [.. code];
        }

        // The register of a value, loading it if it can be made again from nothing.
        private int Resident(int value, int instruction, ReadOnlySpan<int> keep)
        {
            int at = Array.IndexOf(holder, value);
            if (at >= 0)
                return at;
            if (!IsClean(value))
                return -1;
            at = Free(instruction, keep);
            if (at < 0)
                return -1;
            holder[at] = value;
            if (value < program.InputCount)
                Emit(GpuMachine.LoadInput, at, value - results, 0, 0, 0);
            else
                Emit((int)program.Code[value - program.InputCount].Op, at, program.Code[value - program.InputCount].A, 0, 0, program.Code[value - program.InputCount].Immediate);
            return at;
        }

        private bool IsClean(int value) =>
            value < program.InputCount ? value >= results : program.Code[value - program.InputCount].Op is ElementwiseOp.Constant or ElementwiseOp.Scalar;

        private void Forget(int from)
        {
            for (int r = 0; r < holder.Length; r++)
            {
                if (holder[r] >= 0 && NextUse(holder[r], from) == int.MaxValue)
                    holder[r] = -1;
            }
        }

        // A free register; else that of the value that can be loaded again and is needed last.
        private int Free(int from, ReadOnlySpan<int> keep)
        {
            int best = -1, distance = -1;
            for (int r = 0; r < holder.Length; r++)
            {
                if (holder[r] < 0)
                    return r;
                if (keep.Contains(holder[r]) || !IsClean(holder[r]))
                    continue;
                int next = NextUse(holder[r], from);
                if (next > distance)
                    (best, distance) = (r, next);
            }
            return best;
        }

        private int NextUse(int value, int from)
        {
            for (int i = from; i < program.Code.Length; i++)
            {
                var (op, a, b, c, _) = program.Code[i];
                int arity = op.Arity();
                if ((arity > 0 && a == value) || (arity > 1 && b == value) || (arity > 2 && c == value))
                    return i;
            }
            return value == program.RegisterCount - 1 ? program.Code.Length : int.MaxValue;
        }

        private void Emit(int op, int target, int a, int b, int c, double immediate) =>
            code.AddRange([op, target, a, b, c, BitConverter.SingleToInt32Bits((float)immediate)]);
    }
}
