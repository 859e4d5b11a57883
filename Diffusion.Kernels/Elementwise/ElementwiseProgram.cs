using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>One instruction in single-assignment form. Its result's register is InputCount + its position.</summary>
/// <param name="Op">What to do.</param>
/// <param name="A">First register (or the scalar's number for <see cref="ElementwiseOp.Scalar"/>).</param>
/// <param name="B">Second register, where the operation has one.</param>
/// <param name="C">Third register, where the operation has one.</param>
/// <param name="Immediate">The value of <see cref="ElementwiseOp.Constant"/>.</param>
public readonly record struct Instruction(ElementwiseOp Op, int A = 0, int B = 0, int C = 0, double Immediate = 0);

/// <summary>
/// A straight-line program that makes one value out of one element of each input. Registers 0 … InputCount−1 are the
/// inputs (converted to float32); each instruction adds one; the last register is the result. The planner fuses a chain
/// of tensor operations into one program, which a backend interprets by tiles or compiles.
/// </summary>
/// <param name="InputCount">Number of inputs.</param>
/// <param name="Code">The instructions; empty means that the result is the last input.</param>
public sealed record ElementwiseProgram(int InputCount, ImmutableArray<Instruction> Code)
{
    /// <summary>One input, stored as it is (with the output's type).</summary>
    public static ElementwiseProgram Identity { get; } = new(1, []);

    /// <summary>One plus the highest scalar number.</summary>
    public int ScalarCount
    {
        get
        {
            int count = 0;
            foreach (var instruction in Code)
            {
                if (instruction.Op == ElementwiseOp.Scalar)
                    count = Math.Max(count, instruction.A + 1);
            }
            return count;
        }
    }

    /// <summary>Number of registers, inputs included.</summary>
    public int RegisterCount => InputCount + Code.Length;

    /// <summary>Throws when a register is read before it is written, or there is no result.</summary>
    public void Validate(string operation)
    {
        if (InputCount < 0 || RegisterCount == 0)
            throw new KernelShapeException($"{operation}: the program has no inputs and no code, so it has no result.");
        for (int i = 0; i < Code.Length; i++)
        {
            var (op, a, b, c, _) = Code[i];
            int arity = op.Arity(), limit = InputCount + i;
            if ((op == ElementwiseOp.Scalar && a < 0) || (arity > 0 && (uint)a >= (uint)limit)
                || (arity > 1 && (uint)b >= (uint)limit) || (arity > 2 && (uint)c >= (uint)limit))
                throw new KernelShapeException($"{operation}: instruction {i} ({op} {a} {b} {c}) reads a register that isn't written yet; {limit} are.");
        }
    }

    /// <inheritdoc/>
    public bool Equals(ElementwiseProgram? other) =>
        other is not null && InputCount == other.InputCount && Code.AsSpan().SequenceEqual(other.Code.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(InputCount);
        foreach (var instruction in Code)
            hash.Add(instruction);
        return hash.ToHashCode();
    }
}

/// <summary>
/// What a kernel does to its result before storing it: bias, activation, residual, scale, gate, conversion. The program's
/// first input(s) are the kernel's float32 result(s); the others are <paramref name="Inputs"/>, each with the shape of
/// the kernel's output (strides of 0 broadcast).
/// </summary>
/// <param name="Program">The program.</param>
/// <param name="Inputs">Layouts of the further operands.</param>
public sealed record Epilogue(ElementwiseProgram Program, ImmutableArray<Layout> Inputs)
{
    /// <summary>Store the result as it is.</summary>
    public static Epilogue None { get; } = new(ElementwiseProgram.Identity, []);

    /// <summary>Whether the result is stored as it is.</summary>
    public bool IsNone => Program.Code.IsEmpty && Inputs.IsEmpty && Program.InputCount == 1;
}
