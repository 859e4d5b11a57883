using Diffusion.Core.Tests.Randomness;
using Diffusion.Core.Text;

namespace Diffusion.Core.Tests.Text;

/// <summary>CLIP's own tokenizer, read once for all tests.</summary>
internal static class Clip
{
    internal static readonly string Folder = Path.Combine(TorchGeneratorTests.Repository(), "tests", "fixtures", "tokenizer");

    private static readonly Lazy<ClipTokenizer> Loaded = new(Load);

    internal static ClipTokenizer Tokenizer => Loaded.Value;

    internal static ClipTokenizer Load()
    {
        using var stream = File.OpenRead(Path.Combine(Folder, "bpe_simple_vocab_16e6.txt.gz"));
        return ClipTokenizer.FromSimpleVocabulary(stream);
    }
}
