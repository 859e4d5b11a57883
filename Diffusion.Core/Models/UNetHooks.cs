using Diffusion.Core.Models.Blocks;

namespace Diffusion.Core.Models;

/// <summary>
/// What adapters put in place of a UNet's own behaviour. A hook is a function; compose two by calling one from the other.
/// </summary>
public sealed record UNetHooks
{
    /// <summary>The model as it is.</summary>
    public static UNetHooks None { get; } = new();

    /// <summary>Computes each attention layer (IP-Adapter, attention control, token merging).</summary>
    public AttentionProcessor Attention { get; init; } = AttentionCall.Default;

    /// <summary>Edits features and skip connection where they meet (FreeU).</summary>
    public SkipEdit Skip { get; init; } = SkipConnection.Unchanged;

    /// <summary>These hooks with another attention processor.</summary>
    public UNetHooks WithAttention(AttentionProcessor processor) => this with { Attention = processor };

    /// <summary>These hooks with another skip edit.</summary>
    public UNetHooks WithSkip(SkipEdit edit) => this with { Skip = edit };

    /// <summary>These hooks with FreeU; see <see cref="FreeU"/>.</summary>
    public UNetHooks WithFreeU(double s1, double s2, double b1, double b2) => this with { Skip = new FreeU(s1, s2, b1, b2).Edit };
}
