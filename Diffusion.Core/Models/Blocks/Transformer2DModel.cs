using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Transformer blocks over the positions of a feature map, added to it: the attention of Stable Diffusion's UNets.</summary>
public sealed record Transformer2DModel
{
    private readonly GroupNorm norm;
    private readonly Func<Tensor, Tensor> projectIn;
    private readonly ImmutableArray<BasicTransformerBlock> blocks;
    private readonly Func<Tensor, Tensor> projectOut;

    private Transformer2DModel(WeightScope scope, int channels, TransformerOptions options)
    {
        norm = GroupNorm.Of(scope["norm"], channels, options.NormGroups, 1e-6);
        projectIn = Projection(scope["proj_in"], channels, options.InnerDim, options.UseLinearProjection);
        blocks = [.. Enumerable.Range(0, options.Layers).Select(i => BasicTransformerBlock.Of(scope["transformer_blocks", i], options))];
        projectOut = Projection(scope["proj_out"], options.InnerDim, channels, options.UseLinearProjection);
    }

    /// <summary>The network of a scope.</summary>
    public static Transformer2DModel Of(WeightScope scope, int channels, TransformerOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(options);
        if (options.AttentionType is not ("default" or "gated" or "gated-text-image"))
            throw new NotSupportedException($"{scope.Path}: attention_type '{options.AttentionType}' isn't known; use default, gated or gated-text-image.");
        return new Transformer2DModel(scope, channels, options);
    }

    /// <summary>[N, C, H, W] → [N, C, H, W].</summary>
    public Tensor Forward(Tensor x, BlockContext context)
    {
        var tokens = projectIn(Attention.ToTokens(norm.Forward(x)));
        tokens = blocks.Aggregate(tokens, (t, block) => block.Forward(t, context));
        return Attention.FromTokens(projectOut(tokens), x.Shape) + x;
    }

    // A 1×1 convolution is a linear layer over the channels.
    private static Func<Tensor, Tensor> Projection(WeightScope scope, int inputs, int outputs, bool linear)
    {
        if (linear)
            return Linear.Of(scope, inputs, outputs).Forward;
        var (weight, bias) = (scope.Tensor("weight", outputs, inputs, 1, 1), scope.Tensor("bias", outputs));
        return x => x.Linear(weight.Reshape(outputs, inputs), bias);
    }
}
