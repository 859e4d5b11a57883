using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Group normalisation whose scale and shift come from the time embedding.</summary>
/// <param name="Projection">Time embedding → scale and shift.</param>
/// <param name="Groups">Divides the channels.</param>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record AdaGroupNorm(Linear Projection, int Groups, double Epsilon)
{
    /// <summary>The layer of a scope.</summary>
    public static AdaGroupNorm Of(WeightScope scope, int embedding, int channels, int groups, double epsilon = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new AdaGroupNorm(Linear.Of(scope["linear"], embedding, 2 * channels), GroupNorm.Divided(scope, channels, groups), epsilon);
    }

    /// <summary>[N, C, H, W] and [N, embedding] → [N, C, H, W].</summary>
    public Tensor Forward(Tensor x, Tensor embedding)
    {
        var parts = Projection.Forward(embedding).Chunk(2, 1);
        var (scale, shift) = (parts[0].Reshape(x.Shape[0], x.Shape[1], 1, 1), parts[1].Reshape(x.Shape[0], x.Shape[1], 1, 1));
        return x.GroupNorm(Groups, null, null, Epsilon) * (scale + 1) + shift;
    }
}
