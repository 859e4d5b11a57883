using Diffusion.Core.Devices;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>
    /// Standard normals that depend on seed, offset and position only (Philox4x32-10, Box and Muller): computed on the device, the same on
    /// every one but for rounding, about 3e-6. For up to about 65 000 elements they are <c>torch.randn</c>'s on CUDA; <see cref="RandomSpec"/> says
    /// exactly when. Torch's CPU numbers come from <see cref="Randomness.TorchGenerator"/>.
    /// </summary>
    /// <param name="shape">The shape.</param>
    /// <param name="seed">Any 64-bit value.</param>
    /// <param name="offset">Where in the stream: 4 more for each earlier draw of torch; a multiple of 4.</param>
    /// <param name="type">Floating point.</param>
    /// <param name="device">Where to compute; the CPU when none is given.</param>
    public static Tensor RandomNormal(Shape shape, ulong seed, ulong offset = 0, ElementType type = ElementType.Float32, Device? device = null) =>
        Random(RandomKind.Normal, shape, seed, offset, type, device);

    /// <summary>Uniforms in 0 ≤ x &lt; 1 by the same generator: <c>torch.rand</c>'s on CUDA, as far as <see cref="RandomSpec"/> says.</summary>
    /// <inheritdoc cref="RandomNormal"/>
    public static Tensor RandomUniform(Shape shape, ulong seed, ulong offset = 0, ElementType type = ElementType.Float32, Device? device = null) =>
        Random(RandomKind.Uniform, shape, seed, offset, type, device);

    private static Tensor Random(RandomKind kind, Shape shape, ulong seed, ulong offset, ElementType type, Device? device)
    {
        if (!type.IsFloat())
            throw new TensorShapeException($"Random{kind}: the element type is floating point; got {type}.");
        if (offset % 4 != 0)
            throw new ArgumentException($"Random{kind}: an offset is a multiple of 4, as torch's are; got {offset}.", nameof(offset));
        var place = device ?? Device.Cpu;
        // An operand, not a part of the plan: other seeds use the same plan.
        var state = FromIntegers([(long)seed, (long)offset], Shape.Of(2), place);
        return new Tensor(new RandomOp(kind), [state], shape, type, place);
    }
}
