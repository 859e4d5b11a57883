namespace Diffusion.Core.Tensors;

/// <summary>What lies beyond an edge.</summary>
public enum PaddingMode
{
    /// <summary>The mirror image, without repeating the edge: c b | a b c | b a.</summary>
    Reflect,

    /// <summary>The edge repeated: a a | a b c | c c.</summary>
    Replicate,

    /// <summary>The other side: b c | a b c | a b.</summary>
    Circular,
}

public sealed partial class Tensor
{
    /// <summary>Adds elements before and after an axis that come from the tensor itself, torch.nn.functional.pad.</summary>
    /// <param name="axis">Which axis.</param>
    /// <param name="before">How many before; ≥ 0, less than the length for Reflect, at most the length for Circular.</param>
    /// <param name="after">How many after; the same limits.</param>
    /// <param name="mode">Where they come from.</param>
    public Tensor Pad(int axis, int before, int after, PaddingMode mode)
    {
        int index = Shape.Axis(axis, "Pad"), n = Shape[index];
        int most = mode switch { PaddingMode.Reflect => n - 1, PaddingMode.Circular => n, _ => n > 0 ? int.MaxValue - n : 0 };
        if (before < 0 || after < 0 || before > most || after > most)
            throw new TensorShapeException($"Pad: {before} and {after} elements can't be taken from axis {axis} of {Shape} by {mode}; at least 0 and at most {most} each.");
        if (before == 0 && after == 0)
            return this;
        long Source(int i) => mode switch
        {
            PaddingMode.Reflect => i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i,
            PaddingMode.Circular => (i + n) % n,
            _ => Math.Clamp(i, 0, n - 1),
        };
        int length = checked(before + n + after);
        return Gather(index, FromIntegers([.. Enumerable.Range(-before, length).Select(Source)], Shape.Of(length), Device));
    }
}
