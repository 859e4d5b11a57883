using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>A group of elementwise operations as a program, with the nodes and scalars it reads.</summary>
/// <param name="Program">The program; with a host, its first input is the host's result (its first two are a paired product's).</param>
/// <param name="Inputs">The stored nodes it reads, in order, the host's result excepted.</param>
/// <param name="Scalars">Numbers of the constants, in the program's numbering.</param>
internal sealed record GroupProgram(ElementwiseProgram Program, ImmutableArray<PlanNode> Inputs, ImmutableArray<int> Scalars)
{
    /// <summary>The program that stores a kernel's result as it is.</summary>
    public static GroupProgram None { get; } = new(ElementwiseProgram.Identity, [], []);

    /// <summary>Writes the program of a group.</summary>
    /// <param name="group">The group.</param>
    /// <param name="hostResult">The node that stands for the host's result (the last of its views), or none.</param>
    public static GroupProgram Of(ElementwiseGroup group, PlanNode? hostResult)
    {
        var results = new List<PlanNode>();
        if (hostResult is not null)
            results.Add(hostResult);
        if (hostResult is { Op: PairedProductOp })
            results.Add(hostResult.Consumers.First(c => c.Op is PairedHalfOp));
        var inputs = new List<PlanNode>();
        foreach (var member in group.Members)
        {
            foreach (var input in member.Inputs)
            {
                if (!input.IsConstant && !results.Contains(input) && !(input.IsElementwise && input.Group == group) && !inputs.Contains(input))
                    inputs.Add(input);
            }
        }
        int first = results.Count;
        var registers = new Dictionary<PlanNode, int>();
        for (int i = 0; i < first; i++)
            registers.Add(results[i], i);
        for (int i = 0; i < inputs.Count; i++)
            registers.Add(inputs[i], first + i);
        int inputCount = first + inputs.Count;

        // A conversion alone needs no code: the store converts, integers exactly.
        if (group.Members is [{ Op: CastOp } cast] && !cast.Inputs[0].IsConstant)
            return new GroupProgram(new ElementwiseProgram(inputCount, []), [.. inputs], []);

        var code = ImmutableArray.CreateBuilder<Instruction>();
        var scalars = new List<int>();
        Span<int> operands = stackalloc int[3];
        foreach (var member in group.Members)
        {
            operands.Clear();
            for (int i = 0; i < member.Inputs.Length; i++)
                operands[i] = Register(member.Inputs[i]);
            registers[member] = inputCount + code.Count;
            code.Add(new Instruction(member.Op is MapOp map ? map.Op : ElementwiseOp.Copy, operands[0], operands[1], operands[2]));
        }
        return new GroupProgram(new ElementwiseProgram(inputCount, code.ToImmutable()), [.. inputs], [.. scalars]);

        int Register(PlanNode node)
        {
            if (!node.IsConstant)
                return registers[node];
            int number = scalars.IndexOf(node.Scalar);
            if (number < 0)
            {
                number = scalars.Count;
                scalars.Add(node.Scalar);
            }
            code.Add(new Instruction(ElementwiseOp.Scalar, number));
            return inputCount + code.Count - 1;
        }
    }
}
