using System.Globalization;
using System.Text.Json;
using Diffusion.Core.Formats;
using Diffusion.Core.Randomness;

namespace Diffusion.Conformance.Areas;

/// <summary>
/// <c>rng/&lt;name&gt;.safetensors</c> with <c>&lt;name&gt;.json</c>: draws of torch's CPU generator and of numpy's <c>RandomState</c>.
/// A tensor's name says how it was drawn; one case for each tensor, <c>rng/name/tensor</c>.
/// </summary>
public static class RngArea
{
    private const double Exact = 0;
    private const double LastBit = 1e-6;

    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from file in Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal)
        from result in RunFile(file, $"rng/{Path.GetFileNameWithoutExtension(file)}", options)
        select result;

    private static IEnumerable<CaseResult> RunFile(string path, string name, ConformanceOptions options)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.ChangeExtension(path, ".json")));
        var seed = json.RootElement.GetProperty("seed").GetUInt64();
        var numpySeed = json.RootElement.TryGetProperty("numpy_seed", out var other) ? other.GetUInt32() : (uint)seed;
        using var file = SafetensorsFile.Open(path);
        var groups = file.Names.GroupBy(tensor => tensor.Split('/')[0]).OrderBy(group => group.Key, StringComparer.Ordinal).ToArray();
        foreach (var group in groups)
        {
            var draws = group.Key switch
            {
                "consecutive_randn" or "mixed" => Sequence(seed, group.Order(StringComparer.Ordinal), tensor => KindOf(tensor)),
                "global" => Sequence(seed, group.OrderBy(GlobalRank).ThenBy(tensor => tensor, StringComparer.Ordinal), LastPart),
                "numpy" => NumpySequence(numpySeed, group),
                "multinomial" => Multinomial(file, seed, group),
                _ => group.Select(tensor => (tensor, (Func<Drawn?>)(() => Draw(new TorchGenerator(seed), tensor)))),
            };
            foreach (var (tensor, draw) in draws)
            {
                foreach (var result in options.Case($"{name}/{tensor}", () => Check(file, tensor, draw())))
                    yield return result;
            }
        }
    }

    /// <summary>What a draw gave: integers (exact) or floats (within a tolerance).</summary>
    private sealed record Drawn(long[] Integers, float[] Floats, double Tolerance)
    {
        public static Drawn Of(long[] values) => new(values, [], Exact);

        public static Drawn Of(IEnumerable<float> values, double tolerance) => new([], [.. values], tolerance);
    }

    private static Verdict Check(SafetensorsFile file, string tensor, Drawn? drawn) =>
        drawn is null ? Verdict.Skip($"the draw '{tensor}' isn't known.")
        : file.Entry(tensor).Dtype == SafetensorsDtype.I64 ? Compare.Equal(tensor, file.ToInt64s(tensor), drawn.Integers)
        : Compare.Absolute(tensor, file.ToFloats(tensor), drawn.Floats, drawn.Tolerance);

    // One generator for all: every draw must be made, also where only some of the cases are asked for.
    private static IEnumerable<(string, Func<Drawn?>)> Sequence(ulong seed, IEnumerable<string> tensors, Func<string, string> nameOf)
    {
        var generator = new TorchGenerator(seed);
        var known = true;
        foreach (var tensor in tensors)
        {
            var drawn = known ? Draw(generator, nameOf(tensor)) : null;
            known &= drawn is not null;
            yield return (tensor, () => drawn);
        }
    }

    // "consecutive_randn/03_7" is randn/7, "mixed/03_randint_0_10_7" is randint/0_10/7.
    private static string KindOf(string tensor)
    {
        var parts = LastPart(tensor).Split('_')[1..];
        return parts.Length == 1 ? $"randn/{parts[0]}" : string.Join('_', parts);
    }

    private static string LastPart(string tensor) => tensor[(tensor.IndexOf('/', StringComparison.Ordinal) + 1)..];

    // The layout says: randn first, then rand.
    private static int GlobalRank(string tensor) => LastPart(tensor).StartsWith("randn_", StringComparison.Ordinal) ? 0 : 1;

    /// <summary>One draw by name: its kind and its arguments, separated by slashes or underscores; null where it is not known.</summary>
    private static Drawn? Draw(TorchGenerator generator, string name)
    {
        try
        {
            return DrawKnown(generator, name);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static Drawn? DrawKnown(TorchGenerator generator, string name)
    {
        var parts = name.Split('/', '_');
        var size = Count(parts[^1]);
        return (string.Join(' ', parts.TakeWhile(part => part.Length > 0 && char.IsLetter(part[0]))), parts.Length) switch
        {
            ("randn", 2) => Drawn.Of(generator.Randn(size), LastBit),
            ("randn f64 as f32", 5) => Drawn.Of(generator.RandnDouble(size).Select(value => (float)value), LastBit),
            ("randn f16 as f32", 5) => Drawn.Of(generator.RandnHalf(size).Select(value => (float)value), LastBit),
            ("rand", 2) => Drawn.Of(generator.Rand(size), Exact),
            ("rand f64 as f32", 5) => Drawn.Of(generator.RandDouble(size).Select(value => (float)value), Exact),
            ("randint", 4) => Drawn.Of(generator.RandInt(Integer(parts[1]), Integer(parts[2]), size)),
            ("randperm", 2) => Drawn.Of(generator.RandPerm(size)),
            ("exponential", 2) => Drawn.Of(generator.Exponential(size), LastBit),
            ("uniform", 4) => Drawn.Of(generator.Uniform(size, Number(parts[1]), Number(parts[2])), Exact),
            (_, 4) when parts is ["normal", ['m', 'e', 'a', 'n', .. var mean], ['s', 't', 'd', .. var deviation], _] =>
                Drawn.Of(generator.Normal(size, Number(mean), Number(deviation)), LastBit),
            _ => null,
        };
    }

    private static IEnumerable<(string, Func<Drawn?>)> Multinomial(SafetensorsFile file, ulong seed, IEnumerable<string> tensors) =>
        from tensor in tensors
        where tensor != "multinomial/probs"
        select (tensor, (Func<Drawn?>)(() => tensor == "multinomial/1" ? Drawn.Of(OneOfEachRow(file, seed)) : null));

    private static long[] OneOfEachRow(SafetensorsFile file, ulong seed) =>
        new TorchGenerator(seed).Multinomial(file.ToFloats("multinomial/probs"), (int)file.Entry("multinomial/probs").Shape[^1]);

    // One RandomState in the layout's order: randn, rand, the smaller randn, standard_normal, randint.
    private static IEnumerable<(string, Func<Drawn?>)> NumpySequence(uint seed, IEnumerable<string> tensors)
    {
        var names = tensors.ToArray();
        string[] Of(string kind) =>
        [
            .. names.Where(tensor => LastPart(tensor).StartsWith(kind + "_", StringComparison.Ordinal))
                .OrderByDescending(tensor => Count(tensor.Split('_')[^1])),
        ];
        var randn = Of("randn");
        string[] ordered = [.. randn.Take(1), .. Of("rand"), .. randn.Skip(1), .. Of("standard_normal"), .. Of("randint")];
        var state = new NumpyRandomState(seed);
        foreach (var tensor in ordered)
        {
            var drawn = NumpyDraw(state, LastPart(tensor).Split('_'));
            yield return (tensor, () => drawn);
        }
        foreach (var tensor in names.Except(ordered))
            yield return (tensor, () => null);
    }

    private static Drawn? NumpyDraw(NumpyRandomState state, string[] parts) => parts switch
    {
        ["randn", var size] => Drawn.Of(state.Randn(Count(size)).Select(value => (float)value), Exact),
        ["standard", "normal", var size] => Drawn.Of(state.Randn(Count(size)).Select(value => (float)value), Exact),
        ["rand", var size] => Drawn.Of(state.Rand(Count(size)).Select(value => (float)value), Exact),
        ["randint", var low, var high, var size] => Drawn.Of(state.RandInt(Integer(low), Integer(high), Count(size))),
        _ => null,
    };

    // "40" or "1x4x8x8".
    private static long Count(string shape) =>
        shape.Split('x').Aggregate(1L, (product, size) => product * long.Parse(size, NumberStyles.None, CultureInfo.InvariantCulture));

    // "100", "-5" or "2**40".
    private static long Integer(string text) => text.Split("**") switch
    {
        [var basis, var power] => (long)System.Numerics.BigInteger.Pow(Integer(basis), (int)Integer(power)),
        _ => long.Parse(text, CultureInfo.InvariantCulture),
    };

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
