using System.Collections.Immutable;
using Diffusion.Core.Text.Unicode;

namespace Diffusion.Core.Text;

/// <summary>A token that is found in the raw text before anything else happens to it.</summary>
/// <param name="Text">Its exact text; case matters.</param>
/// <param name="Id">Its id.</param>
/// <param name="IsSpecial">Whether decoding may leave it out (start, end, padding, …).</param>
/// <param name="StripLeft">Whether it swallows the white space before it.</param>
/// <param name="StripRight">Whether it swallows the white space after it.</param>
/// <param name="SingleWord">Whether it counts only between spaces.</param>
internal sealed record AddedToken(
    string Text, int Id, bool IsSpecial, bool StripLeft = false, bool StripRight = false, bool SingleWord = false);

/// <summary>A stretch of the raw text: an added token, or text between them.</summary>
internal readonly record struct Segment(string Text, AddedToken? Token);

/// <summary>All added tokens of a tokenizer, and the cutting of text at them.</summary>
internal sealed class AddedTokens
{
    private readonly ImmutableDictionary<char, ImmutableArray<AddedToken>> _byFirst;

    internal AddedTokens(IEnumerable<AddedToken> tokens)
    {
        All = [.. tokens];
        ByText = All.ToImmutableDictionary(token => token.Text, StringComparer.Ordinal);
        ById = All.GroupBy(token => token.Id).ToImmutableDictionary(group => group.Key, group => group.First());
        // Longest first: of "<cat>" and "<cat>_1" the longer one counts.
        _byFirst = All.GroupBy(token => token.Text[0])
            .ToImmutableDictionary(group => group.Key, group => group.OrderByDescending(token => token.Text.Length).ToImmutableArray());
    }

    internal ImmutableArray<AddedToken> All { get; }

    internal ImmutableDictionary<string, AddedToken> ByText { get; }

    internal ImmutableDictionary<int, AddedToken> ById { get; }

    /// <summary>The text cut at the added tokens, the leftmost and there the longest first; white space and word rules applied.</summary>
    internal IReadOnlyList<Segment> Split(string text)
    {
        var segments = Cut(text);
        for (var i = 0; i < segments.Count; i++)
        {
            if (segments[i].Token is not { } token) continue;
            var left = i > 0 ? segments[i - 1].Text : "";
            var right = i + 1 < segments.Count ? segments[i + 1].Text : "";
            if (token.StripRight && right.Length > 0) SetText(segments, i + 1, right[Skip(right)..]);
            if (token.StripLeft && left.Length > 0) SetText(segments, i - 1, left[..Keep(left)]);
            if (!token.SingleWord) continue;
            if (left.Length > 0 && left[^1] != ' ')
            {
                SetText(segments, i - 1, segments[i - 1].Text + token.Text);
                segments[i] = new Segment("", null);
            }
            else if (right.Length > 0 && right[0] != ' ')
            {
                SetText(segments, i + 1, token.Text + segments[i + 1].Text);
                segments[i] = new Segment("", null);
            }
        }
        return segments;
    }

    private List<Segment> Cut(string text)
    {
        var segments = new List<Segment>();
        var start = 0;
        for (var i = 0; i < text.Length;)
        {
            if (TokenAt(text, i) is not { } token)
            {
                i++;
                continue;
            }
            if (i > start) segments.Add(new Segment(text[start..i], null));
            segments.Add(new Segment(token.Text, token));
            i += token.Text.Length;
            start = i;
        }
        if (start < text.Length) segments.Add(new Segment(text[start..], null));
        return segments;
    }

    private AddedToken? TokenAt(string text, int index)
    {
        if (!_byFirst.TryGetValue(text[index], out var candidates)) return null;
        foreach (var token in candidates)
        {
            if (text.AsSpan(index).StartsWith(token.Text, StringComparison.Ordinal)) return token;
        }
        return null;
    }

    // A neighbour that is changed is looked up again: it may have become, or ceased to be, an added token.
    private void SetText(List<Segment> segments, int index, string text) =>
        segments[index] = new Segment(text, ByText.GetValueOrDefault(text));

    private static int Skip(string text)
    {
        var i = 0;
        while (i < text.Length && Classes.IsSpace(text[i])) i++;
        return i;
    }

    private static int Keep(string text)
    {
        var i = text.Length;
        while (i > 0 && Classes.IsSpace(text[i - 1])) i--;
        return i;
    }
}
