using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Two linear layers over a sinusoidal embedding.</summary>
public sealed record TimestepEmbedding
{
    private readonly Linear first;
    private readonly Linear second;
    private readonly Linear? condition;
    private readonly string activation;
    private readonly string postActivation;

    private TimestepEmbedding(WeightScope scope, int inputs, int size, string activation, string postActivation, int conditionInputs)
    {
        first = Linear.Of(scope["linear_1"], inputs, size);
        second = Linear.Of(scope["linear_2"], size, size);
        condition = conditionInputs > 0 ? Linear.Of(scope["cond_proj"], conditionInputs, inputs, bias: false) : null;
        (this.activation, this.postActivation) = (activation, postActivation);
    }

    /// <summary>The network of a scope.</summary>
    /// <param name="scope">Where its weights are.</param>
    /// <param name="inputs">Length of the vectors in.</param>
    /// <param name="size">Length of the vectors out.</param>
    /// <param name="activation">Between the layers.</param>
    /// <param name="postActivation">After them; empty for none.</param>
    /// <param name="conditionInputs">Length of a further condition that is added in front; 0 for none.</param>
    public static TimestepEmbedding Of(
        WeightScope scope, int inputs, int size, string activation = "silu", string postActivation = "", int conditionInputs = 0)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new TimestepEmbedding(scope, inputs, size, activation, postActivation, conditionInputs);
    }

    /// <summary>[N, inputs] → [N, size].</summary>
    /// <param name="x">Embeddings.</param>
    /// <param name="conditionInput">A further condition [N, condition inputs], where the network has one.</param>
    /// <exception cref="NotSupportedException">A condition was given to a network that takes none.</exception>
    public Tensor Forward(Tensor x, Tensor? conditionInput = null)
    {
        if (conditionInput is not null)
        {
            x += (condition ?? throw new NotSupportedException("TimestepEmbedding: this model has no time_cond_proj_dim, so it takes no timestep condition; leave it away."))
                .Forward(conditionInput);
        }
        x = second.Forward(first.Forward(x).Activate(activation));
        return postActivation.Length == 0 ? x : x.Activate(postActivation);
    }
}
