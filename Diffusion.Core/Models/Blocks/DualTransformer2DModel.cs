using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>
/// Two transformers over one feature map, one for text tokens and one for image tokens, mixed half and half (Versatile Diffusion).
/// </summary>
/// <param name="First">Sees the second condition.</param>
/// <param name="Second">Sees the first condition.</param>
public sealed record DualTransformer2DModel(Transformer2DModel First, Transformer2DModel Second)
{
    // The first 77 tokens are the text's, the next 257 the image's.
    private const int TextTokens = 77;
    private const int ImageTokens = 257;

    /// <summary>The network of a scope.</summary>
    public static DualTransformer2DModel Of(WeightScope scope, int channels, TransformerOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new DualTransformer2DModel(
            Transformer2DModel.Of(scope["transformers", 0], channels, options), Transformer2DModel.Of(scope["transformers", 1], channels, options));
    }

    /// <summary>[N, C, H, W] → [N, C, H, W].</summary>
    /// <exception cref="TensorShapeException">There aren't more than 77 tokens.</exception>
    public Tensor Forward(Tensor x, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var tokens = context.EncoderHiddenStates is { } states && states.Shape[1] > TextTokens ? states
            : throw new TensorShapeException($"DualTransformer2DModel: expected {TextTokens} text tokens and then up to {ImageTokens} image tokens; got {context.EncoderHiddenStates?.Shape}.");
        BlockContext With(Tensor part) => context with { EncoderHiddenStates = part, AttentionMask = null, EncoderAttentionMask = null };
        var text = Second.Forward(x, With(tokens.Slice(1, 0, TextTokens))) - x;
        var image = First.Forward(x, With(tokens.Slice(1, TextTokens, Math.Min(ImageTokens, tokens.Shape[1] - TextTokens)))) - x;
        return text * 0.5 + image * 0.5 + x;
    }
}
