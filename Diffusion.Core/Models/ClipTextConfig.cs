using Diffusion.Core.Formats;
using static Diffusion.Core.Models.ConfigChecks;

namespace Diffusion.Core.Models;

/// <summary>The configuration of a <see cref="ClipTextModel"/>: the fields and defaults of transformers' <c>CLIPTextConfig</c>.</summary>
public sealed record ClipTextConfig
{
    /// <summary>Where it was read, for messages.</summary>
    public string Source { get; init; } = "ClipTextConfig";

    /// <summary>Number of tokens that there are.</summary>
    public int VocabSize { get; init; } = 49408;

    /// <summary>Channels.</summary>
    public int HiddenSize { get; init; } = 512;

    /// <summary>Channels inside feed-forward networks.</summary>
    public int IntermediateSize { get; init; } = 2048;

    /// <summary>Channels of the projected embedding.</summary>
    public int ProjectionDim { get; init; } = 512;

    /// <summary>Layers.</summary>
    public int NumHiddenLayers { get; init; } = 12;

    /// <summary>Heads.</summary>
    public int NumAttentionHeads { get; init; } = 8;

    /// <summary>Most tokens of a text.</summary>
    public int MaxPositionEmbeddings { get; init; } = 77;

    /// <summary>The activation: <c>quick_gelu</c> or <c>gelu</c>.</summary>
    public string HiddenAct { get; init; } = "quick_gelu";

    /// <summary>Added to variances.</summary>
    public double LayerNormEps { get; init; } = 1e-5;

    /// <summary>The token that ends a text. 2 stands for the mistake of old configurations: then it is the largest id of the text.</summary>
    public int EosTokenId { get; init; } = 49407;

    /// <summary>Reads <c>config.json</c>; of a whole CLIP model's, the part of the text model.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public static ClipTextConfig Parse(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var text = config.IsObject("text_config") ? config.GetObject("text_config") : config;
        var d = new ClipTextConfig();
        return new ClipTextConfig
        {
            Source = config.Source,
            VocabSize = text.GetInt("vocab_size", d.VocabSize),
            HiddenSize = text.GetInt("hidden_size", d.HiddenSize),
            IntermediateSize = text.GetInt("intermediate_size", d.IntermediateSize),
            ProjectionDim = text.GetInt("projection_dim", config.GetInt("projection_dim", d.ProjectionDim)),
            NumHiddenLayers = text.GetInt("num_hidden_layers", d.NumHiddenLayers),
            NumAttentionHeads = text.GetInt("num_attention_heads", d.NumAttentionHeads),
            MaxPositionEmbeddings = text.GetInt("max_position_embeddings", d.MaxPositionEmbeddings),
            HiddenAct = text.GetText("hidden_act", d.HiddenAct),
            LayerNormEps = text.GetDouble("layer_norm_eps", d.LayerNormEps),
            EosTokenId = text.GetInt("eos_token_id", d.EosTokenId),
        }.Validated();
    }

    /// <summary>This configuration, once its values have been found to fit together.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public ClipTextConfig Validated()
    {
        if (VocabSize is < 1 or > 1 << 24)
            throw Error(Source, "vocab_size", VocabSize, $"a number from 1 to {1 << 24}");
        Size(Source, "hidden_size", HiddenSize);
        Size(Source, "intermediate_size", IntermediateSize);
        Size(Source, "projection_dim", ProjectionDim);
        Size(Source, "max_position_embeddings", MaxPositionEmbeddings);
        Count(Source, "num_hidden_layers", NumHiddenLayers);
        Divides(Source, "num_attention_heads", NumAttentionHeads, "hidden_size", [HiddenSize]);
        Finite(Source, "layer_norm_eps", LayerNormEps, 0, 1);
        OneOf(Source, "hidden_act", HiddenAct, "quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu");
        return this;
    }
}
