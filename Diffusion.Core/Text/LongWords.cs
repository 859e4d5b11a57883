using System.Collections.Frozen;

namespace Diffusion.Core.Text;

/// <summary>
/// Byte-pair merging for words of thousands of letters. It gives what the library's merging gives, but the time grows with n log n:
/// the library moves the rest of the word at every merge, which takes minutes for a megabyte without a space.
/// </summary>
internal sealed class LongWords
{
    private readonly ClipVocabulary _vocabulary;
    private readonly int _unknown;
    private readonly FrozenDictionary<(int, int), (int Rank, int Id)> _merges;

    internal LongWords(ClipVocabulary vocabulary, int unknown)
    {
        (_vocabulary, _unknown) = (vocabulary, unknown);
        _merges = vocabulary.Merges.Select((merge, rank) => (Parts: merge.Split(' '), rank)).ToFrozenDictionary(
            each => (vocabulary.Tokens[each.Parts[0]], vocabulary.Tokens[each.Parts[1]]),
            each => (each.rank, vocabulary.Tokens[each.Parts[0] + each.Parts[1]]));
    }

    /// <summary>The ids of a word, not empty.</summary>
    internal List<int> Encode(string word)
    {
        var symbols = ByteAlphabet.Encode(word);
        var ids = new int[symbols.Length];
        var (previous, next) = (new int[ids.Length], new int[ids.Length]);
        for (var i = 0; i < ids.Length; i++)
        {
            var symbol = i < ids.Length - 1 ? symbols[i].ToString() : symbols[i] + ClipVocabulary.EndOfWord;
            ids[i] = _vocabulary.Tokens.TryGetValue(symbol, out var id) ? id : _unknown;
            (previous[i], next[i]) = (i - 1, i + 1 < ids.Length ? i + 1 : -1);
        }

        // The lowest rank first, of one rank the leftmost.
        var queue = new PriorityQueue<(int Left, int LeftId, int RightId), (int Rank, int Left)>();
        for (var i = 0; i < ids.Length - 1; i++) Consider(i);
        while (queue.TryDequeue(out var pair, out _))
        {
            var right = next[pair.Left];
            // Out of date where one of the two has been merged since: a merged right half has the id −1.
            if (right < 0 || ids[pair.Left] != pair.LeftId || ids[right] != pair.RightId) continue;
            ids[pair.Left] = _merges[(pair.LeftId, pair.RightId)].Id;
            ids[right] = -1;
            next[pair.Left] = next[right];
            if (next[right] >= 0) previous[next[right]] = pair.Left;
            if (previous[pair.Left] >= 0) Consider(previous[pair.Left]);
            Consider(pair.Left);
        }
        return [.. ids.Where(id => id >= 0)];

        void Consider(int left)
        {
            if (next[left] is >= 0 and var right && _merges.TryGetValue((ids[left], ids[right]), out var merge))
                queue.Enqueue((left, ids[left], ids[right]), (merge.Rank, left));
        }
    }
}
