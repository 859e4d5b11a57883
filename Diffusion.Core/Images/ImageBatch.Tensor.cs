using System.Runtime.InteropServices;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Images;

public sealed partial record ImageBatch
{
    /// <summary>A batch from a tensor of four axes, which is computed if need be.</summary>
    /// <param name="tensor">[N, C, H, W]; any element type, read as float32.</param>
    /// <exception cref="ArgumentException">The tensor has not four axes.</exception>
    public static ImageBatch FromTensor(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor.Shape.Rank == 4
            ? Adopt(tensor.Shape[0], tensor.Shape[1], tensor.Shape[2], tensor.Shape[3], tensor.ToArray())
            : throw new ArgumentException($"ImageBatch.FromTensor: got the shape {tensor.Shape}; expected [N, C, H, W].", nameof(tensor));
    }

    /// <summary>The values as a tensor [N, C, H, W] of float32.</summary>
    /// <param name="device">Where to put it; the CPU when none is given.</param>
    public Tensor ToTensor(Device? device = null) =>
        Tensor.From(ImmutableCollectionsMarshal.AsArray(Values)!, Tensors.Shape.Of(Batch, Channels, Height, Width), device);
}
