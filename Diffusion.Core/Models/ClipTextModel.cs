using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Core.Models;

/// <summary>What a CLIP text model gives.</summary>
/// <param name="LastHiddenState">The last layer after the final normalisation, [N, L, C].</param>
/// <param name="PoolerOutput">The same at the end of each text, [N, C].</param>
/// <param name="HiddenStates">The embeddings, then each layer's output without the final normalisation, [N, L, C].</param>
public sealed record ClipTextOutput(Tensor LastHiddenState, Tensor PoolerOutput, ImmutableArray<Tensor> HiddenStates);

/// <summary>
/// CLIP's text transformer (Radford et al. 2021), the text encoder of Stable Diffusion. A value: configuration, weights, and a pure
/// <see cref="Forward"/>.
/// </summary>
public sealed class ClipTextModel
{
    private readonly ClipTextParts parts;

    private ClipTextModel(ClipTextConfig config, ModelWeights weights)
    {
        Config = config;
        Weights = weights;
        parts = ModelLoading.Build(nameof(ClipTextModel), weights, scope => ClipTextParts.Of(scope, config));
    }

    /// <summary>The configuration.</summary>
    public ClipTextConfig Config { get; }

    /// <summary>The weights by their checkpoint names.</summary>
    public ModelWeights Weights { get; }

    /// <summary>The model of a configuration and weights.</summary>
    /// <exception cref="CheckpointException">The configuration's values don't fit together, or weights are missing or of another shape (all are listed).</exception>
    public static ClipTextModel Of(ClipTextConfig config, ModelWeights weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new ClipTextModel(config.Validated(), weights);
    }

    /// <summary>The model of a configuration and a store of weights; names and shapes are checked before anything is read.</summary>
    /// <inheritdoc cref="Of"/>
    public static ClipTextModel Load(ClipTextConfig config, WeightStore store, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Of(config, ModelLoading.Read(nameof(ClipTextModel), store, scope => ClipTextParts.Of(scope, config.Validated()), device));
    }

    /// <summary>The model of a component's folder.</summary>
    /// <param name="folder">A folder with <c>config.json</c> and weights.</param>
    /// <param name="variant">The variant of the weights, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <param name="device">Where to put the weights; the CPU when none is given.</param>
    /// <exception cref="CheckpointException">A file is absent or damaged, or doesn't fit.</exception>
    public static ClipTextModel Load(string folder, string variant = "", Device? device = null) =>
        ModelLoading.FromFolder(folder, variant, (config, store) => Load(ClipTextConfig.Parse(config), store, device));

    /// <summary>The tensors that a model of this configuration needs.</summary>
    public static ImmutableArray<ExpectedTensor> ExpectedTensors(ClipTextConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ModelLoading.ExpectedBy(scope => ClipTextParts.Of(scope, config.Validated()));
    }

    /// <summary>The same network with other weights (another embedding table, say). This one stays as it is.</summary>
    public ClipTextModel WithWeights(ModelWeights weights) => new(Config, weights);

    /// <summary>Encodes token ids.</summary>
    /// <param name="inputIds">[N, L], Int64; L at most <see cref="ClipTextConfig.MaxPositionEmbeddings"/>. Read on the host.</param>
    /// <param name="attentionMask">1 for tokens that count, 0 for the others: [N, L], if any.</param>
    public ClipTextOutput Forward(Tensor inputIds, Tensor? attentionMask = null) => parts.Forward(inputIds, attentionMask);

    /// <summary>
    /// The final normalisation on a layer's output: with <see cref="ClipTextOutput.HiddenStates"/> this is how layers at the end are
    /// skipped ("clip skip").
    /// </summary>
    public Tensor FinalLayerNorm(Tensor hiddenState) => parts.FinalNorm.Forward(hiddenState);
}

/// <summary>What a CLIP text model with projection gives.</summary>
/// <param name="TextEmbeds">The projected embedding of each text, [N, projection].</param>
/// <param name="Text">What the text model gave.</param>
public sealed record ClipTextProjectionOutput(Tensor TextEmbeds, ClipTextOutput Text);

/// <summary>
/// CLIP's text transformer with its projection into the space that texts and images share: SDXL's second text encoder, unCLIP.
/// </summary>
public sealed class ClipTextModelWithProjection
{
    private readonly (ClipTextParts Text, Linear Projection) parts;

    private ClipTextModelWithProjection(ClipTextConfig config, ModelWeights weights)
    {
        Config = config;
        Weights = weights;
        var built = ModelLoading.Build(nameof(ClipTextModelWithProjection), weights, scope => Tuple.Create(ClipTextParts.Of(scope, config), Project(scope, config)));
        parts = (built.Item1, built.Item2);
    }

    /// <summary>The configuration.</summary>
    public ClipTextConfig Config { get; }

    /// <summary>The weights by their checkpoint names.</summary>
    public ModelWeights Weights { get; }

    /// <inheritdoc cref="ClipTextModel.Of"/>
    public static ClipTextModelWithProjection Of(ClipTextConfig config, ModelWeights weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new ClipTextModelWithProjection(config.Validated(), weights);
    }

    /// <inheritdoc cref="ClipTextModel.Load(ClipTextConfig, WeightStore, Device?)"/>
    public static ClipTextModelWithProjection Load(ClipTextConfig config, WeightStore store, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        config = config.Validated();
        object Build(WeightScope scope) => Tuple.Create(ClipTextParts.Of(scope, config), Project(scope, config));
        return Of(config, ModelLoading.Read(nameof(ClipTextModelWithProjection), store, Build, device));
    }

    /// <inheritdoc cref="ClipTextModel.Load(string, string, Device?)"/>
    public static ClipTextModelWithProjection Load(string folder, string variant = "", Device? device = null) =>
        ModelLoading.FromFolder(folder, variant, (config, store) => Load(ClipTextConfig.Parse(config), store, device));

    /// <inheritdoc cref="ClipTextModel.ExpectedTensors"/>
    public static ImmutableArray<ExpectedTensor> ExpectedTensors(ClipTextConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ModelLoading.ExpectedBy(scope => Tuple.Create(ClipTextParts.Of(scope, config.Validated()), Project(scope, config)));
    }

    /// <inheritdoc cref="ClipTextModel.WithWeights"/>
    public ClipTextModelWithProjection WithWeights(ModelWeights weights) => new(Config, weights);

    /// <inheritdoc cref="ClipTextModel.Forward"/>
    public ClipTextProjectionOutput Forward(Tensor inputIds, Tensor? attentionMask = null)
    {
        var text = parts.Text.Forward(inputIds, attentionMask);
        return new ClipTextProjectionOutput(parts.Projection.Forward(text.PoolerOutput), text);
    }

    /// <inheritdoc cref="ClipTextModel.FinalLayerNorm"/>
    public Tensor FinalLayerNorm(Tensor hiddenState) => parts.Text.FinalNorm.Forward(hiddenState);

    private static Linear Project(WeightScope scope, ClipTextConfig config) =>
        Linear.Of(scope["text_projection"], config.HiddenSize, config.ProjectionDim, bias: false);
}

/// <summary>The parts of CLIP's text transformer.</summary>
internal sealed record ClipTextParts
{
    private readonly ClipTextConfig config;
    private readonly Tensor tokens;
    private readonly Tensor positions;
    private readonly ImmutableArray<ClipEncoderLayer> layers;

    private ClipTextParts(WeightScope scope, ClipTextConfig config)
    {
        this.config = config;
        tokens = scope["embeddings"]["token_embedding"].Tensor("weight", config.VocabSize, config.HiddenSize);
        positions = scope["embeddings"]["position_embedding"].Tensor("weight", config.MaxPositionEmbeddings, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => ClipEncoderLayer.Of(
            scope["encoder"]["layers", i], config.HiddenSize, config.IntermediateSize, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps))];
        FinalNorm = LayerNorm.Of(scope["final_layer_norm"], config.HiddenSize, config.LayerNormEps);
    }

    public LayerNorm FinalNorm { get; }

    public static ClipTextParts Of(WeightScope scope, ClipTextConfig config) => new(scope["text_model"], config);

    public ClipTextOutput Forward(Tensor inputIds, Tensor? attentionMask)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        if (inputIds.Rank != 2 || inputIds.Shape[1] < 1 || inputIds.Shape[1] > config.MaxPositionEmbeddings)
            throw new TensorShapeException($"ClipTextModel: token ids are [N, L] with L from 1 to {config.MaxPositionEmbeddings}; got {inputIds.Shape}. Cut the text or encode it in parts.");
        var ids = inputIds.ToIntegers();
        foreach (long id in ids.Where(id => id < 0 || id >= config.VocabSize))
            throw new TensorShapeException($"ClipTextModel: token ids are 0 … {config.VocabSize - 1}; got {id}. Is the tokenizer this model's?");
        int batch = inputIds.Shape[0], length = inputIds.Shape[1];
        var mask = attentionMask is null ? null : CausalMask(attentionMask, batch, length);
        var x = tokens.Embed(inputIds).Cast(ElementType.Float32) + positions.Slice(0, 0, length).Cast(ElementType.Float32);
        var states = ImmutableArray.CreateBuilder<Tensor>(layers.Length + 1);
        states.Add(x);
        foreach (var layer in layers)
            states.Add(x = layer.Forward(x, mask, isCausal: mask is null));
        var last = FinalNorm.Forward(x);
        var ends = Enumerable.Range(0, batch).Select(n => (long)n * length + End(ids.AsSpan(n * length, length)));
        var pooled = last.Flatten(0, 1).Gather(0, Tensor.FromIntegers([.. ends], Shape.Of(batch), last.Device));
        return new ClipTextOutput(last, pooled, states.ToImmutable());
    }

    // The position of the token that ends the text. Old configurations have the wrong id, 2; there the end is the largest id.
    private int End(ReadOnlySpan<long> ids)
    {
        if (config.EosTokenId != 2)
            return Math.Max(0, ids.IndexOf(config.EosTokenId));
        int best = 0;
        for (int i = 1; i < ids.Length; i++)
            best = ids[i] > ids[best] ? i : best;
        return best;
    }

    // Added to the scores: the lowest number both for tokens to come and for tokens that don't count, as the reference adds it.
    private static Tensor CausalMask(Tensor mask, int batch, int length)
    {
        if (mask.Shape != Shape.Of(batch, length))
            throw new TensorShapeException($"ClipTextModel: the attention mask is [{batch}, {length}], as the ids are; got {mask.Shape}.");
        var keep = mask.ToArray();
        var values = new float[batch * length * length];
        for (int i = 0; i < values.Length; i++)
        {
            int key = i % length, query = i / length % length, n = i / (length * length);
            values[i] = (key > query ? float.MinValue : 0) + (keep[n * length + key] == 0 ? float.MinValue : 0);
        }
        return Tensor.From(values, Shape.Of(batch, 1, length, length), mask.Device);
    }
}
