using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>A layer of CLIP's text and vision transformers.</summary>
public sealed record ClipEncoderLayer
{
    private readonly int heads;
    private readonly string activation;
    private readonly LayerNorm norm1;
    private readonly Linear queries;
    private readonly Linear keys;
    private readonly Linear values;
    private readonly Linear output;
    private readonly LayerNorm norm2;
    private readonly Linear first;
    private readonly Linear second;

    private ClipEncoderLayer(WeightScope scope, int channels, int inner, int heads, string activation, double epsilon)
    {
        (this.heads, this.activation) = (heads, activation);
        norm1 = LayerNorm.Of(scope["layer_norm1"], channels, epsilon);
        var attention = scope["self_attn"];
        queries = Linear.Of(attention["q_proj"], channels, channels);
        keys = Linear.Of(attention["k_proj"], channels, channels);
        values = Linear.Of(attention["v_proj"], channels, channels);
        output = Linear.Of(attention["out_proj"], channels, channels);
        norm2 = LayerNorm.Of(scope["layer_norm2"], channels, epsilon);
        first = Linear.Of(scope["mlp"]["fc1"], channels, inner);
        second = Linear.Of(scope["mlp"]["fc2"], inner, channels);
    }

    /// <summary>The layer of a scope.</summary>
    public static ClipEncoderLayer Of(WeightScope scope, int channels, int inner, int heads, string activation, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new ClipEncoderLayer(scope, channels, inner, heads, activation, epsilon);
    }

    /// <summary>[N, L, C] → [N, L, C].</summary>
    /// <param name="x">The tokens.</param>
    /// <param name="mask">Added to the scores, if any.</param>
    /// <param name="isCausal">Tokens see earlier ones only.</param>
    public Tensor Forward(Tensor x, Tensor? mask = null, bool isCausal = false)
    {
        var h = norm1.Forward(x);
        var attended = Tensor.Attention(Split(queries.Forward(h)), Split(keys.Forward(h)), Split(values.Forward(h)), mask: mask, causal: isCausal);
        x = output.Forward(Attention.MergeHeads(attended)) + x;
        return second.Forward(first.Forward(norm2.Forward(x)).Activate(activation)) + x;
    }

    private Tensor Split(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1], heads, -1).Permute(0, 2, 1, 3);
}
