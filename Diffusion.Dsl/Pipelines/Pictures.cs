using System.Collections;
using System.Collections.Immutable;
using Diffusion.Core.Images;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Recipes;

namespace Diffusion.Dsl.Pipelines;

/// <summary>What a run made. Each picture carries its recipe, which PNG files keep.</summary>
public sealed class Pictures : IReadOnlyList<Image>
{
    internal Pictures(Tensor sample, ImageBatch values, ImmutableArray<Image> images, Recipe recipe, ImmutableArray<string> notes)
    {
        Sample = sample;
        Values = values;
        Images = images;
        Recipe = recipe;
        Notes = notes;
    }

    /// <summary>The pictures: those of the first prompt, then those of the next.</summary>
    public ImmutableArray<Image> Images { get; }

    /// <summary>The first picture.</summary>
    public Image Image => Images[0];

    /// <summary>The pictures before they were rounded to bytes: 0 … 1 (diffusers' output type <c>np</c>, channels first).</summary>
    public ImageBatch Values { get; }

    /// <summary>The last sample: latents, [pictures, channels, height, width] (diffusers' output type <c>latent</c>).</summary>
    public Tensor Sample { get; }

    /// <summary>Everything that is needed to make the first picture again.</summary>
    public Recipe Recipe { get; }

    /// <summary>What the run had to say: what of a prompt didn't fit, for instance.</summary>
    public ImmutableArray<string> Notes { get; }

    /// <inheritdoc/>
    public int Count => Images.Length;

    /// <inheritdoc/>
    public Image this[int index] => Images[index];

    /// <summary>All pictures in one.</summary>
    public Image Grid() => Images.Length == 1 ? Image : Image.Grid(Images).WithText(Recipe.Keyword, Recipe.WithIndex(-1).ToJson());

    /// <inheritdoc/>
    public IEnumerator<Image> GetEnumerator() => ((IEnumerable<Image>)Images).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Rounds pictures and writes the recipe into each.</summary>
    internal static Pictures Of(Tensor sample, Tensor pixels, Recipe recipe, ImmutableArray<string> notes)
    {
        var values = ToValues(pixels);
        var images = values.ToImages().Select((image, i) => image.WithText(Recipe.Keyword, recipe.WithIndex(i).ToJson()));
        return new Pictures(sample, values, [.. images], recipe, notes);
    }

    /// <summary>Values from pixels in −1 … 1, clamped: diffusers' <c>denormalize</c>, as part of the same realisation.</summary>
    internal static Tensor Denormalized(Tensor pixels) => (pixels * 0.5 + 0.5).Clamp(0, 1);

    internal static ImageBatch ToValues(Tensor denormalized)
    {
        var shape = denormalized.Shape;
        return new ImageBatch(
            shape[0], shape[1], shape[2], shape[3], System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(denormalized.ToArray()));
    }
}
