using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Group normalisation with weight and bias.</summary>
/// <param name="Weight">[channels].</param>
/// <param name="Bias">[channels].</param>
/// <param name="Groups">Divides the channels.</param>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record GroupNorm(Tensor Weight, Tensor Bias, int Groups, double Epsilon)
{
    /// <summary>The layer of a scope.</summary>
    /// <exception cref="Formats.CheckpointException">The groups don't divide the channels.</exception>
    public static GroupNorm Of(WeightScope scope, int channels, int groups, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new GroupNorm(scope.Tensor("weight", channels), scope.Tensor("bias", channels), Divided(scope, channels, groups), epsilon);
    }

    /// <summary>[N, channels, …] → the same shape.</summary>
    public Tensor Forward(Tensor x) => x.GroupNorm(Groups, Weight, Bias, Epsilon);

    internal static int Divided(WeightScope scope, int channels, int groups) => groups >= 1 && channels % groups == 0 ? groups
        : throw scope.Invalid($"{groups} normalisation groups don't divide {channels} channels. Check norm_num_groups and block_out_channels in config.json.");
}
