using System.Collections.Immutable;
using Diffusion.Core.Tensors;
using Diffusion.Core.Text;
using Diffusion.Dsl.Denoising;

namespace Diffusion.Dsl.Pipelines;

/// <summary>What prompts become: the conditioning, what guidance leads away from, and what there was to say.</summary>
/// <param name="Conditioning">The prompts' embeddings, one row for each picture.</param>
/// <param name="Unconditional">The negative prompts' embeddings, one row for each picture.</param>
/// <param name="Notes">What didn't fit.</param>
public sealed record EncodedPrompts(Conditioning Conditioning, Conditioning Unconditional, ImmutableArray<string> Notes);

/// <summary>Prompts to embeddings, as diffusers' <c>encode_prompt</c>. Lazy: only what is used is computed.</summary>
internal static class PromptEncoder
{
    public static EncodedPrompts Encode(TextToImageModel model, TextToImageOptions options)
    {
        if (options.PromptEmbeddings is [var prompt] && options.NegativeEmbeddings is [var negative])
            return new(Repeated(prompt.To(model.Device), options.Batch), Repeated(negative.To(model.Device), options.Batch), []);
        if (options.ClipSkip > model.TextLayers)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.ClipSkip, $"ClipSkip: the text encoder has {model.TextLayers} layers; expected 0 … {model.TextLayers}.");
        }

        var negatives = Negatives(options);
        var wanted = options.Prompts.Select(model.Tokenize).ToImmutableArray();
        var unwanted = negatives.Select(model.Tokenize).ToImmutableArray();
        return new(
            Repeated(Embed(model, wanted, options.ClipSkip), options.Batch),
            Repeated(Embed(model, unwanted, 0), options.Batch),
            [.. Truncations("prompt", options.Prompts, wanted).Concat(Truncations("negative prompt", negatives, unwanted)).Distinct()]);
    }

    private static ImmutableArray<string> Negatives(TextToImageOptions options)
    {
        int count = options.Prompts.Length;
        return options.NegativePrompts switch
        {
            [] => [.. Enumerable.Repeat("", count)],
            [var one] => [.. Enumerable.Repeat(one, count)],
            var several when several.Length == count => several,
            var several => throw new ArgumentException(
                $"NegativePrompts: got {several.Length} for {count} prompts; expected none, one for all, or one for each.", nameof(options)),
        };
    }

    private static Tensor Embed(TextToImageModel model, ImmutableArray<Tokenized> texts, int skip)
    {
        int length = texts[0].Ids.Length;
        long[] ids = [.. texts.SelectMany(text => text.Ids).Select(id => (long)id)];
        return model.EncodeText(Tensor.FromIntegers(ids, [texts.Length, length], model.Device), skip);
    }

    // Every prompt's rows stay together: a a b b.
    private static Conditioning Repeated(Tensor embeddings, int times)
    {
        var shape = embeddings.Shape;
        return Conditioning.FromText(times == 1 ? embeddings
            : embeddings.Unsqueeze(1).Expand([shape[0], times, shape[1], shape[2]]).Reshape(shape[0] * times, shape[1], shape[2]));
    }

    private static IEnumerable<string> Truncations(string what, ImmutableArray<string> texts, ImmutableArray<Tokenized> tokens) =>
        from i in Enumerable.Range(0, texts.Length)
        where tokens[i].IsTruncated
        select $"The {what} is longer than the text encoder's {tokens[i].Ids.Length} tokens; left out: \"{Shortened(tokens[i].Truncated)}\".";

    private static string Shortened(string text)
    {
        string plain = text.Trim();
        return plain.Length <= 80 ? plain : $"{plain[..77]}...";
    }
}
