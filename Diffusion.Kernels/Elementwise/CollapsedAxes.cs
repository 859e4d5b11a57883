using System.Collections.Immutable;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Operands of one shape with the fewest axes: sorted so that the output is written in memory order, merged where all operands
/// lie evenly, without axes of length 1.
/// </summary>
internal sealed record CollapsedAxes(ImmutableArray<int> Shape, ImmutableArray<ImmutableArray<long>> Strides)
{
    /// <summary>Collapses; the output is the last layout. At least one axis remains.</summary>
    public static CollapsedAxes Create(ImmutableArray<Layout> operands)
    {
        var output = operands[^1];
        var order = Enumerable.Range(0, output.Rank).Where(i => output.Shape[i] != 1).OrderByDescending(i => output.Strides[i]).ToArray();
        var shape = new List<long>();
        var strides = operands.Select(_ => new List<long>()).ToArray();
        foreach (int axis in order)
        {
            bool merges = shape.Count > 0 && shape[^1] * output.Shape[axis] <= int.MaxValue;
            for (int k = 0; k < strides.Length && merges; k++)
                merges = strides[k][^1] == operands[k].Strides[axis] * output.Shape[axis];
            if (merges)
                shape[^1] *= output.Shape[axis];
            else
                shape.Add(output.Shape[axis]);
            for (int k = 0; k < strides.Length; k++)
            {
                if (merges)
                    strides[k][^1] = operands[k].Strides[axis];
                else
                    strides[k].Add(operands[k].Strides[axis]);
            }
        }
        if (shape.Count == 0)
        {
            shape.Add(1);
            foreach (var list in strides)
                list.Add(1);
        }
        return new CollapsedAxes([.. shape.Select(n => (int)n)], [.. strides.Select(s => s.ToImmutableArray())]);
    }

    /// <summary>Operand number <paramref name="index"/> over the collapsed axes.</summary>
    public Layout Layout(int index, ElementType type) => new(type, Shape, Strides[index]);
}
