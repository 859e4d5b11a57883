using System.Collections.Immutable;

namespace Diffusion.Core.Formats;

/// <summary>One tensor as a safetensors header describes it.</summary>
/// <param name="Name">The tensor's name. Any text; it is never used as a path.</param>
/// <param name="Dtype">The kind of its elements.</param>
/// <param name="Shape">Its sizes, outermost first; empty for a scalar. A size may be 0.</param>
/// <param name="Begin">Where its bytes begin, counted from the end of the header. Not aligned in general.</param>
/// <param name="ByteLength">How many bytes it has.</param>
public sealed record SafetensorsEntry(
    string Name, SafetensorsDtype Dtype, ImmutableArray<long> Shape, long Begin, long ByteLength)
{
    /// <summary>The number of elements: the product of <see cref="Shape"/>.</summary>
    public long ElementCount => Shape.Aggregate(1L, (product, size) => product * size);
}
