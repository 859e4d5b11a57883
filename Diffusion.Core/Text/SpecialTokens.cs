namespace Diffusion.Core.Text;

/// <summary>The texts of a tokenizer's special tokens, by role.</summary>
/// <param name="Start">Begins every prompt (<c>bos_token</c>).</param>
/// <param name="End">Ends every prompt (<c>eos_token</c>).</param>
/// <param name="Unknown">Stands for what the vocabulary lacks (<c>unk_token</c>).</param>
/// <param name="Padding">Fills up to the fixed length (<c>pad_token</c>): the end token for CLIP, "!" for OpenCLIP.</param>
public sealed record SpecialTokens(string Start, string End, string Unknown, string Padding)
{
    /// <summary>CLIP's own.</summary>
    public static SpecialTokens Clip { get; } = new("<|startoftext|>", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>");
}
