using System.Collections.Immutable;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models;

/// <summary>
/// What a UNet is conditioned on besides sample and timestep. Which parts a model takes is in its configuration; a part that it
/// needs and doesn't get is an error that names it.
/// </summary>
public sealed record UNetConditioning
{
    /// <summary>Nothing.</summary>
    public static UNetConditioning None { get; } = new();

    /// <summary>Text (or other) tokens [N, K, D].</summary>
    public Tensor? EncoderHiddenStates { get; init; }

    /// <summary>1 for tokens that count, 0 for the others: [N, K].</summary>
    public Tensor? EncoderAttentionMask { get; init; }

    /// <summary>1 for image positions that count, 0 for the others: [N, L].</summary>
    public Tensor? AttentionMask { get; init; }

    /// <summary>Class numbers [N] (Int64), timesteps [N] or vectors [N, D], as <c>class_embed_type</c> says.</summary>
    public Tensor? ClassLabels { get; init; }

    /// <summary>The embedded guidance scale [N, time_cond_proj_dim] (latent consistency models).</summary>
    public Tensor? TimestepCond { get; init; }

    /// <summary>Pooled text embeddings [N, D] (SDXL, Kandinsky 2.1).</summary>
    public Tensor? TextEmbeds { get; init; }

    /// <summary>Sizes and crops [N, 6] or alike (SDXL).</summary>
    public Tensor? TimeIds { get; init; }

    /// <summary>Image embeddings [N, D] (Kandinsky).</summary>
    public Tensor? ImageEmbeds { get; init; }

    /// <summary>A hint image [N, 3, 8H, 8W] (Kandinsky 2.2 ControlNet).</summary>
    public Tensor? Hint { get; init; }

    /// <summary>ControlNet's additions to the skip connections, all of them in order; empty for none.</summary>
    public ImmutableArray<Tensor> DownBlockAdditionalResiduals { get; init; } = [];

    /// <summary>ControlNet's addition to the middle.</summary>
    public Tensor? MidBlockAdditionalResidual { get; init; }

    /// <summary>T2I-Adapter's additions, one a downward block; empty for none.</summary>
    public ImmutableArray<Tensor> DownIntrablockAdditionalResiduals { get; init; } = [];

    /// <summary>What to draw in which boxes (GLIGEN).</summary>
    public GligenInput? Gligen { get; init; }

    /// <summary>What adapters put in place of the model's own behaviour.</summary>
    public UNetHooks Hooks { get; init; } = UNetHooks.None;

    /// <summary>Conditioned on text tokens [N, K, D].</summary>
    public static UNetConditioning OnTokens(Tensor encoderHiddenStates) => new() { EncoderHiddenStates = encoderHiddenStates };

    /// <summary>With other tokens [N, K, D].</summary>
    public UNetConditioning WithEncoderHiddenStates(Tensor tokens) => this with { EncoderHiddenStates = tokens };

    /// <summary>With a mask of tokens [N, K].</summary>
    public UNetConditioning WithEncoderAttentionMask(Tensor mask) => this with { EncoderAttentionMask = mask };

    /// <summary>With a mask of image positions [N, L].</summary>
    public UNetConditioning WithAttentionMask(Tensor mask) => this with { AttentionMask = mask };

    /// <summary>With class labels.</summary>
    public UNetConditioning WithClassLabels(Tensor labels) => this with { ClassLabels = labels };

    /// <summary>With an embedded guidance scale.</summary>
    public UNetConditioning WithTimestepCond(Tensor embedding) => this with { TimestepCond = embedding };

    /// <summary>With pooled text embeddings.</summary>
    public UNetConditioning WithTextEmbeds(Tensor embeddings) => this with { TextEmbeds = embeddings };

    /// <summary>With sizes and crops.</summary>
    public UNetConditioning WithTimeIds(Tensor ids) => this with { TimeIds = ids };

    /// <summary>With image embeddings.</summary>
    public UNetConditioning WithImageEmbeds(Tensor embeddings) => this with { ImageEmbeds = embeddings };

    /// <summary>With a hint image.</summary>
    public UNetConditioning WithHint(Tensor hint) => this with { Hint = hint };

    /// <summary>With a ControlNet's residuals.</summary>
    public UNetConditioning WithControl(ImmutableArray<Tensor> down, Tensor mid) =>
        this with { DownBlockAdditionalResiduals = down, MidBlockAdditionalResidual = mid };

    /// <summary>With a T2I-Adapter's residuals.</summary>
    public UNetConditioning WithAdapter(ImmutableArray<Tensor> residuals) => this with { DownIntrablockAdditionalResiduals = residuals };

    /// <summary>With boxes.</summary>
    public UNetConditioning WithGligen(GligenInput input) => this with { Gligen = input };

    /// <summary>With other hooks.</summary>
    public UNetConditioning WithHooks(UNetHooks hooks) => this with { Hooks = hooks };
}
