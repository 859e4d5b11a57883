using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Randomness;

/// <summary>
/// Torch's CUDA generator on the host: a seed and an offset that each draw moves on by 4. Draws are those of <c>torch.randn</c> and
/// <c>torch.rand</c> with <c>device="cuda"</c> within 3e-6, for tensors of up to about 65 000 elements (a batch of latents for 1024×1024 pictures has
/// as many); larger ones differ from torch's, which there depend on the card (<see cref="Kernels.RandomSpec"/>). Not thread-safe.
/// </summary>
public sealed class PhiloxGenerator
{
    // What torch moves on by for a tensor that has a thread an element.
    private const ulong Step = 4;

    /// <summary>A generator at the start of a seed's stream, as <c>manual_seed</c>.</summary>
    public PhiloxGenerator(ulong seed, ulong offset = 0)
    {
        if (offset % Step != 0)
            throw new ArgumentException($"PhiloxGenerator: an offset is a multiple of {Step}; got {offset}.", nameof(offset));
        Seed = seed;
        Offset = offset;
    }

    /// <summary>The seed.</summary>
    public ulong Seed { get; }

    /// <summary>Where in the stream it is: <c>generator.get_offset()</c>.</summary>
    public ulong Offset { get; private set; }

    /// <summary>Draws standard normals.</summary>
    public float[] Randn(int count) => Draw(count, (shape, offset) => Tensor.RandomNormal(shape, Seed, offset, device: Device.Cpu));

    /// <summary>Draws uniforms in 0 ≤ x &lt; 1.</summary>
    public float[] Rand(int count) => Draw(count, (shape, offset) => Tensor.RandomUniform(shape, Seed, offset, device: Device.Cpu));

    private float[] Draw(int count, Func<Shape, ulong, Tensor> draw)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        // Torch launches nothing for an empty tensor.
        if (count == 0)
            return [];
        using var values = draw(Shape.Of(count), Offset);
        Offset += Step;
        return values.ToArray();
    }
}
