using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>What to draw in which boxes (GLIGEN, Li et al. 2023).</summary>
public sealed record GligenInput
{
    /// <summary>Boxes [N, boxes, 4], corners in 0 … 1.</summary>
    public required Tensor Boxes { get; init; }

    /// <summary>1 for a box that is used, else 0: [N, boxes].</summary>
    public required Tensor Masks { get; init; }

    /// <summary>Text embeddings of the boxes [N, boxes, C], for <c>gated</c>.</summary>
    public Tensor? PositiveEmbeddings { get; init; }

    /// <summary>1 where a box has a phrase: [N, boxes], for <c>gated-text-image</c>.</summary>
    public Tensor? PhrasesMasks { get; init; }

    /// <summary>1 where a box has an image: [N, boxes], for <c>gated-text-image</c>.</summary>
    public Tensor? ImageMasks { get; init; }

    /// <summary>Phrases [N, boxes, C], for <c>gated-text-image</c>.</summary>
    public Tensor? PhrasesEmbeddings { get; init; }

    /// <summary>Images [N, boxes, C], for <c>gated-text-image</c>.</summary>
    public Tensor? ImageEmbeddings { get; init; }
}

/// <summary>Boxes with text or images as tokens for <see cref="GatedSelfAttentionDense"/>.</summary>
public sealed record GligenProjection
{
    private const int Frequencies = 8;
    private const int Hidden = 512;

    private readonly Tensor nullPosition;
    private readonly ImmutableArray<(Tensor NullFeature, ImmutableArray<Linear> Layers)> branches;

    private GligenProjection(WeightScope scope, int positiveLength, int outputs, bool textImage)
    {
        const int Position = Frequencies * 8;
        nullPosition = scope.Tensor("null_position_feature", Position);
        (Tensor, ImmutableArray<Linear>) Branch(string feature, string layers) => (
            scope.Tensor(feature, positiveLength),
            [Linear.Of(scope[layers, 0], positiveLength + Position, Hidden), Linear.Of(scope[layers, 2], Hidden, Hidden), Linear.Of(scope[layers, 4], Hidden, outputs)]);
        branches = textImage
            ? [Branch("null_text_feature", "linears_text"), Branch("null_image_feature", "linears_image")]
            : [Branch("null_positive_feature", "linears")];
    }

    /// <summary>The network of a scope.</summary>
    public static GligenProjection Of(WeightScope scope, int positiveLength, int outputs, bool textImage)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new GligenProjection(scope, positiveLength, outputs, textImage);
    }

    /// <summary>Boxes → tokens [N, boxes, D]; twice as many with images.</summary>
    /// <exception cref="NotSupportedException">The input isn't of this model's kind.</exception>
    public Tensor Forward(GligenInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var position = Masked(Embeddings.FourierBoxes(input.Boxes, Frequencies), input.Masks, nullPosition);
        Tensor Tokens(int branch, Tensor? features, Tensor? masks)
        {
            var (nullFeature, layers) = branches[branch];
            var known = features is not null && masks is not null ? Masked(features, masks, nullFeature)
                : throw new NotSupportedException(branches.Length == 1
                    ? "GligenInput: this model takes text only; give PositiveEmbeddings."
                    : "GligenInput: this model takes text and images; give PhrasesEmbeddings, PhrasesMasks, ImageEmbeddings and ImageMasks.");
            var x = Tensor.Concat(-1, known, position);
            return layers[2].Forward(layers[1].Forward(layers[0].Forward(x).Silu()).Silu());
        }
        return branches.Length == 1
            ? Tokens(0, input.PositiveEmbeddings, input.Masks)
            : Tensor.Concat(1, Tokens(0, input.PhrasesEmbeddings, input.PhrasesMasks), Tokens(1, input.ImageEmbeddings, input.ImageMasks));
    }

    private static Tensor Masked(Tensor x, Tensor mask, Tensor nullFeature)
    {
        var weight = mask.Unsqueeze(-1);
        return x * weight + (1 - weight) * nullFeature.Reshape(1, 1, -1);
    }
}
