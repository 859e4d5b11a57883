using Diffusion.Core.Formats;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;

namespace Diffusion.Core.Models.Blocks;

/// <summary>
/// Where a block finds its weights: a prefix of checkpoint names and a look-up. The same code that builds a model also tells which
/// tensors it needs, by building it once over a scope that only notes what it is asked for.
/// </summary>
public sealed class WeightScope
{
    private readonly Func<string, Shape, Tensor> find;

    private WeightScope(string source, string path, Func<string, Shape, Tensor> find)
    {
        Source = source;
        Path = path;
        this.find = find;
    }

    /// <summary>Where the weights came from, for messages.</summary>
    public string Source { get; }

    /// <summary>The prefix without its final dot, e.g. <c>down_blocks.0.resnets.1</c>; empty at the top.</summary>
    public string Path { get; }

    /// <summary>A scope over weights.</summary>
    public static WeightScope Of(ModelWeights weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return new WeightScope(weights.Source, "", (name, _) => weights[name]);
    }

    /// <summary>A scope that tells what it is asked for, and gives zeros.</summary>
    public static WeightScope Recording(Action<ExpectedTensor> note)
    {
        ArgumentNullException.ThrowIfNull(note);
        return new WeightScope("model", "", (name, shape) =>
        {
            note(new ExpectedTensor(name, [.. shape.Lengths.Select(n => (long)n)]));
            return Tensors.Tensor.Zeros(shape);
        });
    }

    /// <summary>The scope of a part, e.g. <c>conv1</c> or <c>resnets.0</c>.</summary>
    public WeightScope this[string part] => new(Source, Join(part), find);

    /// <summary>The scope of one part of a list, e.g. <c>resnets.0</c>.</summary>
    public WeightScope this[string list, int index] => this[FormattableString.Invariant($"{list}.{index}")];

    /// <summary>A tensor of this scope.</summary>
    /// <param name="name">Its last name, e.g. <c>weight</c>.</param>
    /// <param name="shape">The shape that it must have.</param>
    public Tensor Tensor(string name, params int[] shape) => find(Join(name), new Shape([.. shape]));

    /// <summary>The error for a configuration that this part can't be built from.</summary>
    public CheckpointException Invalid(string problem) => new(Source, Path, problem);

    private string Join(string name) => Path.Length == 0 ? name : $"{Path}.{name}";
}
