using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Image and text embeddings as tokens: ten from the image, then the text's (Kandinsky 2.1).</summary>
/// <param name="Image">Image embedding → tokens.</param>
/// <param name="Text">Text channels → attention channels.</param>
/// <param name="Tokens">Tokens from the image.</param>
public sealed record TextImageProjection(Linear Image, Linear Text, int Tokens)
{
    /// <summary>The network of a scope.</summary>
    public static TextImageProjection Of(WeightScope scope, int text, int image, int crossAttention, int tokens = 10)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new TextImageProjection(Linear.Of(scope["image_embeds"], image, tokens * crossAttention), Linear.Of(scope["text_proj"], text, crossAttention), tokens);
    }

    /// <summary>[N, K, text] and [N, image] → [N, tokens + K, C].</summary>
    public Tensor Forward(Tensor text, Tensor image) =>
        Tensor.Concat(1, Image.Forward(image).Reshape(text.Shape[0], Tokens, -1), Text.Forward(text));
}

/// <summary>An image embedding as tokens (Kandinsky 2.2, IP-Adapter).</summary>
/// <param name="Image">Image embedding → tokens.</param>
/// <param name="Norm">Over each token.</param>
/// <param name="Tokens">How many tokens.</param>
public sealed record ImageProjection(Linear Image, LayerNorm Norm, int Tokens)
{
    /// <summary>The network of a scope.</summary>
    public static ImageProjection Of(WeightScope scope, int image, int crossAttention, int tokens = 32)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new ImageProjection(Linear.Of(scope["image_embeds"], image, tokens * crossAttention), LayerNorm.Of(scope["norm"], crossAttention), tokens);
    }

    /// <summary>[N, image] → [N, tokens, C].</summary>
    public Tensor Forward(Tensor image) => Norm.Forward(Image.Forward(image).Reshape(image.Shape[0], Tokens, -1));
}

/// <summary>Text tokens pooled by attention into an addition to the time embedding (DeepFloyd IF).</summary>
public sealed record TextTimeEmbedding
{
    private readonly LayerNorm norm1;
    private readonly Tensor position;
    private readonly Linear queries;
    private readonly Linear keys;
    private readonly Linear values;
    private readonly int heads;
    private readonly Linear projection;
    private readonly LayerNorm norm2;

    private TextTimeEmbedding(WeightScope scope, int text, int time, int heads)
    {
        this.heads = heads;
        norm1 = LayerNorm.Of(scope["norm1"], text);
        var pool = scope["pool"];
        position = pool.Tensor("positional_embedding", 1, text);
        keys = Linear.Of(pool["k_proj"], text, text);
        queries = Linear.Of(pool["q_proj"], text, text);
        values = Linear.Of(pool["v_proj"], text, text);
        projection = Linear.Of(scope["proj"], text, time);
        norm2 = LayerNorm.Of(scope["norm2"], time);
    }

    /// <summary>The network of a scope.</summary>
    /// <exception cref="Formats.CheckpointException">The heads don't divide the channels.</exception>
    public static TextTimeEmbedding Of(WeightScope scope, int text, int time, int heads)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return heads > 0 && text % heads == 0 ? new TextTimeEmbedding(scope, text, time, heads)
            : throw scope.Invalid($"addition_embed_type_num_heads {heads} doesn't divide {text} channels.");
    }

    /// <summary>[N, K, text] → [N, time].</summary>
    public Tensor Forward(Tensor text)
    {
        var x = norm1.Forward(text);
        var mean = x.Mean(1).Unsqueeze(1) + position;
        x = Tensor.Concat(1, mean, x);
        Tensor Split(Tensor t) => t.Reshape(t.Shape[0], t.Shape[1], heads, -1).Permute(0, 2, 1, 3);
        var pooled = Tensor.Attention(Split(queries.Forward(mean)), Split(keys.Forward(x)), Split(values.Forward(x)));
        return norm2.Forward(projection.Forward(pooled.Reshape(x.Shape[0], -1)));
    }
}

/// <summary>Text and image embeddings as an addition to the time embedding (Kandinsky 2.1).</summary>
/// <param name="Text">Text embedding → time embedding.</param>
/// <param name="TextNorm">Over the text's part.</param>
/// <param name="Image">Image embedding → time embedding.</param>
public sealed record TextImageTimeEmbedding(Linear Text, LayerNorm TextNorm, Linear Image)
{
    /// <summary>The network of a scope.</summary>
    public static TextImageTimeEmbedding Of(WeightScope scope, int text, int image, int time)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new TextImageTimeEmbedding(Linear.Of(scope["text_proj"], text, time), LayerNorm.Of(scope["text_norm"], time), Linear.Of(scope["image_proj"], image, time));
    }

    /// <summary>[N, text] and [N, image] → [N, time].</summary>
    public Tensor Forward(Tensor text, Tensor image) => Image.Forward(image) + TextNorm.Forward(Text.Forward(text));
}

/// <summary>An image embedding as an addition to the time embedding (Kandinsky 2.2).</summary>
/// <param name="Image">Image embedding → time embedding.</param>
/// <param name="Norm">Over it.</param>
public sealed record ImageTimeEmbedding(Linear Image, LayerNorm Norm)
{
    /// <summary>The network of a scope.</summary>
    public static ImageTimeEmbedding Of(WeightScope scope, int image, int time)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new ImageTimeEmbedding(Linear.Of(scope["image_proj"], image, time), LayerNorm.Of(scope["image_norm"], time));
    }

    /// <summary>[N, image] → [N, time].</summary>
    public Tensor Forward(Tensor image) => Norm.Forward(Image.Forward(image));
}

/// <summary>A hint image (a depth map, say) as four more channels of the latents (Kandinsky 2.2 ControlNet).</summary>
/// <param name="Convolutions">Eight convolutions, three of which halve the image.</param>
public sealed record HintEmbedding(ImmutableArray<Conv2d> Convolutions)
{
    private static readonly (int In, int Out, int Stride)[] Layers =
        [(3, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 96, 2), (96, 96, 1), (96, 256, 2), (256, 4, 1)];

    /// <summary>The network of a scope.</summary>
    public static HintEmbedding Of(WeightScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        // The odd entries of the list are activations.
        return new HintEmbedding([.. Layers.Select((l, i) => Conv2d.Of(scope["input_hint_block", 2 * i], l.In, l.Out, stride: l.Stride))]);
    }

    /// <summary>[N, 3, 8H, 8W] → [N, 4, H, W].</summary>
    public Tensor Forward(Tensor hint) => Convolutions[1..].Aggregate(Convolutions[0].Forward(hint), (x, layer) => layer.Forward(x.Silu()));
}
