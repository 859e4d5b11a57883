using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>The two-layer network of a transformer block, gated (Shazeer 2020) or plain.</summary>
/// <param name="Activation"><c>geglu</c>, <c>gelu</c>, <c>gelu-approximate</c> or <c>geglu-approximate</c>.</param>
/// <param name="In">The first layer; with <c>geglu</c> it gives values and gates.</param>
/// <param name="Out">The second layer.</param>
public sealed record FeedForward(string Activation, Linear In, Linear Out)
{
    /// <summary>The network of a scope.</summary>
    /// <param name="scope">Where its weights are.</param>
    /// <param name="channels">Channels in.</param>
    /// <param name="activation">The activation's name.</param>
    /// <param name="outChannels">Channels out; as many as in where it is 0.</param>
    /// <exception cref="NotSupportedException">The activation isn't known.</exception>
    public static FeedForward Of(WeightScope scope, int channels, string activation = "geglu", int outChannels = 0)
    {
        ArgumentNullException.ThrowIfNull(scope);
        if (activation is not ("geglu" or "gelu" or "gelu-approximate" or "geglu-approximate"))
            throw new NotSupportedException($"{scope.Path}: activation_fn '{activation}' isn't known; use geglu, gelu, gelu-approximate or geglu-approximate.");
        int inner = 4 * channels;
        return new FeedForward(
            activation,
            Linear.Of(scope["net", 0]["proj"], channels, activation == "geglu" ? 2 * inner : inner),
            Linear.Of(scope["net", 2], inner, outChannels > 0 ? outChannels : channels));
    }

    /// <summary>[…, C] → […, C′].</summary>
    public Tensor Forward(Tensor x) => Out.Forward(Activated(In.Forward(x)));

    private Tensor Activated(Tensor h)
    {
        if (Activation != "geglu")
            return Activation switch { "gelu" => h.Gelu(), "gelu-approximate" => h.GeluTanh(), _ => h.QuickGelu() };
        var parts = h.Chunk(2, -1);
        return parts[0] * parts[1].Gelu();
    }
}
