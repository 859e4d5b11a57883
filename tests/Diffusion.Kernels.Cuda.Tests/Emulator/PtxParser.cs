using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>Reads the text of one kernel: declarations, scopes, labels and instructions.</summary>
internal sealed partial class PtxParser
{
    private readonly List<Dictionary<string, int>> scopes = [[]];
    private readonly Dictionary<string, int> labels = [];
    private readonly Dictionary<string, List<string>> branchTargets = [];
    private readonly Dictionary<string, ulong> symbols = [];
    private readonly List<PtxParameter> parameters = [];
    private readonly List<(string Name, List<string> Operands, string Guard, Dictionary<string, int>[] Scopes)> raw = [];
    private string lastLabel = "";
    private int registers;
    private int sharedBytes;
    private int localBytes;

    /// <summary>Parses a text with one entry.</summary>
    public static PtxKernel Parse(string text) => new PtxParser().Read(Comment().Replace(text, ""));

    private PtxKernel Read(string text)
    {
        var entry = Entry().Match(text);
        if (!entry.Success)
            throw new PtxException("The text has no .entry.");
        foreach (Match symbol in ExternShared().Matches(text[..entry.Index]))
            symbols[symbol.Groups[1].Value] = 0;
        foreach (Match symbol in SharedArray().Matches(text[..entry.Index]))
            sharedBytes = Declare(symbol, sharedBytes);
        int offset = 0;
        foreach (Match parameter in Parameter().Matches(entry.Groups[2].Value))
        {
            int size = parameter.Groups[1].Success ? int.Parse(parameter.Groups[4].Value, CultureInfo.InvariantCulture) : TypeSize(parameter.Groups[2].Value);
            int align = parameter.Groups[1].Success ? int.Parse(parameter.Groups[1].Value, CultureInfo.InvariantCulture) : size;
            offset = (offset + align - 1) / align * align;
            parameters.Add(new PtxParameter(parameter.Groups[3].Value, offset, size));
            symbols[parameter.Groups[3].Value] = (ulong)offset;
            offset += size;
        }
        ReadBody(text, text.IndexOf('{', entry.Index + entry.Length) + 1);
        PtxInstruction[] code = [.. raw.Select(Resolve)];
        return new PtxKernel
        {
            Name = entry.Groups[1].Value,
            Parameters = parameters,
            Code = code,
            Meetings = Convergence.Find(code),
            RegisterCount = registers,
            StaticSharedBytes = sharedBytes,
            LocalBytes = localBytes,
        };
    }

    private void ReadBody(string text, int at)
    {
        while (true)
        {
            while (char.IsWhiteSpace(text[at]))
                at++;
            if (text[at] == '{')
            {
                scopes.Add([]);
                at++;
            }
            else if (text[at] == '}')
            {
                if (scopes.Count == 1)
                    return;
                scopes.RemoveAt(scopes.Count - 1);
                at++;
            }
            else if (Label().Match(text, at) is { Success: true } label)
            {
                lastLabel = label.Groups[1].Value;
                labels.Add(lastLabel, raw.Count);
                at += label.Length;
            }
            else
            {
                int end = text.IndexOf(';', at);
                ReadStatement(text[at..end].Trim());
                at = end + 1;
            }
        }
    }

    private void ReadStatement(string statement)
    {
        if (statement.StartsWith(".reg", StringComparison.Ordinal))
        {
            foreach (string declared in Whitespace().Split(statement, 3)[2].Split(','))
            {
                var match = Declared().Match(declared.Trim());
                if (!match.Groups[2].Success)
                    scopes[^1].Add(match.Groups[1].Value, registers++);
                for (int i = 0; match.Groups[2].Success && i < int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture); i++)
                    scopes[^1].Add(match.Groups[1].Value + i, registers++);
            }
        }
        else if (SharedArray().Match(statement + ";") is { Success: true } shared)
        {
            sharedBytes = Declare(shared, sharedBytes);
        }
        else if (LocalArray().Match(statement + ";") is { Success: true } local)
        {
            localBytes = Declare(local, localBytes);
        }
        else if (statement.StartsWith(".branchtargets", StringComparison.Ordinal))
        {
            // The list has a name in front, which reads like a label.
            branchTargets.Add(lastLabel, SplitOperands(statement[".branchtargets".Length..]));
        }
        else if (statement.StartsWith('.'))
        {
            throw new PtxException($"Unknown declaration: {statement}");
        }
        else
        {
            var match = Statement().Match(statement);
            raw.Add((match.Groups[2].Value, SplitOperands(match.Groups[3].Value), match.Groups[1].Value, [.. scopes]));
        }
    }

    /// <summary>Gives an array its place behind those before it.</summary>
    private int Declare(Match match, int used)
    {
        int align = match.Groups[1].Success ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 16;
        used = (used + align - 1) / align * align;
        symbols[match.Groups[3].Value] = (ulong)used;
        return used + int.Parse(match.Groups[4].Value, CultureInfo.InvariantCulture) * TypeSize(match.Groups[2].Value);
    }

    /// <summary>Operands are separated by commas outside braces and brackets.</summary>
    private static List<string> SplitOperands(string text)
    {
        var result = new List<string>();
        int depth = 0, start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                if (text[start..i].Trim() is { Length: > 0 } operand)
                    result.Add(operand);
                start = i + 1;
            }
            else if (text[i] is '{' or '[')
            {
                depth++;
            }
            else if (text[i] is '}' or ']')
            {
                depth--;
            }
        }
        return result;
    }

    private PtxInstruction Resolve((string Name, List<string> Operands, string Guard, Dictionary<string, int>[] Scopes) from)
    {
        int[] targets = from.Name switch
        {
            "bra" or "bra.uni" => [labels[from.Operands[0]]],
            "brx.idx" or "brx.idx.uni" => [.. branchTargets[from.Operands[1]].Select(label => labels[label])],
            _ => [],
        };
        var operands = targets.Length == 1 ? [] : targets.Length > 1 ? [ParseOperand(from.Operands[0], from.Scopes)] : from.Operands.Select(o => ParseOperand(o, from.Scopes)).ToArray();
        bool negated = from.Guard.StartsWith("@!", StringComparison.Ordinal);
        int guard = from.Guard.Length == 0 ? -1 : Register(from.Guard.TrimStart('@', '!'), from.Scopes)
            ?? throw new PtxException($"{from.Guard} is not declared.");
        return new PtxInstruction(from.Name, operands, guard, negated, targets);
    }

    private Operand ParseOperand(string text, Dictionary<string, int>[] visible)
    {
        if (text[0] == '{')
        {
            int[] members = [.. text.Trim('{', '}').Split(',').Select(m => Register(m.Trim(), visible) ?? throw new PtxException($"{m} is not declared."))];
            return new Operand(OperandKind.Vector, Vector: members);
        }
        if (text[0] == '[')
        {
            string[] parts = text.Trim('[', ']').Split('+');
            ulong offset = parts.Length > 1 ? (ulong)long.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
            string name = parts[0].Trim();
            if (Register(name, visible) is { } register)
                return new Operand(OperandKind.RegisterAddress, register, offset);
            return symbols.TryGetValue(name, out ulong address)
                ? new Operand(OperandKind.FixedAddress, Value: address + offset)
                : throw new PtxException($"{name} is not declared.");
        }
        bool negated = text[0] == '!';
        if (Register(text.TrimStart('!'), visible) is { } found)
            return new Operand(OperandKind.Register, found, Negated: negated);
        if (text[0] == '%')
            return new Operand(OperandKind.Special, Name: text);
        return new Operand(OperandKind.Immediate, Value: symbols.TryGetValue(text, out ulong symbol) ? symbol : Literal(text));
    }

    private static int? Register(string name, Dictionary<string, int>[] visible)
    {
        for (int i = visible.Length - 1; i >= 0; i--)
        {
            if (visible[i].TryGetValue(name, out int number))
                return number;
        }
        return null;
    }

    private static ulong Literal(string text)
    {
        if (text.StartsWith("0f", StringComparison.OrdinalIgnoreCase) || text.StartsWith("0d", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if (long.TryParse(text, CultureInfo.InvariantCulture, out long value))
            return (ulong)value;
        return ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong large)
            ? large
            : throw new PtxException($"{text} is neither declared nor a literal.");
    }

    private static int TypeSize(string type) => int.Parse(type.AsSpan(2), CultureInfo.InvariantCulture) / 8;

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\.entry\s+(\w+)\s*\(([^)]*)\)")]
    private static partial Regex Entry();

    [GeneratedRegex(@"\.param\s+(?:\.align\s+(\d+)\s+)?(\.\w+)\s+(\w+)(?:\[(\d+)\])?")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\.extern\s+\.shared\s+\.align\s+\d+\s+\.b8\s+(\w+)\[\]")]
    private static partial Regex ExternShared();

    [GeneratedRegex(@"\.shared\s+(?:\.align\s+(\d+)\s+)?(\.\w+)\s+(\w+)\[(\d+)\]\s*;")]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"\.local\s+(?:\.align\s+(\d+)\s+)?(\.\w+)\s+(\w+)\[(\d+)\]\s*;")]
    private static partial Regex LocalArray();

    [GeneratedRegex(@"\G(\w+):")]
    private static partial Regex Label();

    [GeneratedRegex(@"^([^<\s]+)(?:<(\d+)>)?$")]
    private static partial Regex Declared();

    [GeneratedRegex(@"^(@!?\S+)?\s*(\S+)\s*(.*)$", RegexOptions.Singleline)]
    private static partial Regex Statement();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();
}
