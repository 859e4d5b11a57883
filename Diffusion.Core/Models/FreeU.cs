using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models;

/// <summary>
/// FreeU (Si et al. 2023): in the two coarsest upward blocks, half of the features are made stronger and the low frequencies of the
/// skip connections weaker.
/// </summary>
/// <param name="S1">Factor on the skip connections' low frequencies in the first block.</param>
/// <param name="S2">The same in the second block.</param>
/// <param name="B1">Factor on half of the features in the first block.</param>
/// <param name="B2">The same in the second block.</param>
public sealed record FreeU(double S1, double S2, double B1, double B2)
{
    /// <summary>Edits a connection; blocks other than <c>UpBlock2D</c> and <c>CrossAttnUpBlock2D</c> stay as they are, as in the reference.</summary>
    public SkipConnection Edit(SkipConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection is { BlockType: "UpBlock2D" or "CrossAttnUpBlock2D", ResolutionIndex: 0 or 1 }
            ? connection with
            {
                Hidden = Strengthen(connection.Hidden, connection.ResolutionIndex == 0 ? B1 : B2),
                Residual = Fourier.ScaleLowFrequencies(connection.Residual, 1, connection.ResolutionIndex == 0 ? S1 : S2),
            }
            : connection;
    }

    // The first half of the channels.
    private static Tensor Strengthen(Tensor x, double factor)
    {
        int half = x.Shape[1] / 2;
        return half == 0 ? x : Tensor.Concat(1, x.Slice(1, 0, half) * factor, x.Slice(1, half, x.Shape[1] - half));
    }
}
