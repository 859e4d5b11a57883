using System.Collections.Immutable;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Samples.SchedulerPlots;

/// <summary>The command <c>plot</c>: schedulers side by side, without a model.</summary>
internal static class Plot
{
    public static string Run(string[] names, int steps, ulong seed, string path)
    {
        Output.Check(path, ".svg");
        ImmutableArray<SchedulerInfo> infos = [.. names.Select(Find)];
        var data = Mixture.Example;
        File.WriteAllText(path, Sheet.Draw([.. infos.Select(info => Course.Of(info, steps, data, seed))], data, steps));
        return $"{path}: {string.Join(", ", infos.Select(info => info.Name))}, {steps} steps";
    }

    // By class or name; case, spaces and signs don't matter: "euler-ancestral", "DPMSolverMultistep".
    private static SchedulerInfo Find(string name)
    {
        var info = Schedulers.All.FirstOrDefault(info => Plain(info.Name) == Plain(name) || Plain(info.ClassName) == Plain(name))
            ?? throw new ArgumentException($"There is no scheduler {name}. Known are: {Names()}.");
        return info.Exchangeable ? info
            : throw new ArgumentException($"{info.Name} can't be drawn with the others: it needs a model made for it. Those that can: {Names()}.");
    }

    private static string Names() => string.Join(", ", Schedulers.All.Where(info => info.Exchangeable).Select(info => info.ClassName[..^"Scheduler".Length]));

    private static string Plain(string text)
    {
        string letters = string.Concat(text.Where(char.IsLetterOrDigit)).ToUpperInvariant();
        foreach (string ending in new[] { "SCHEDULER", "DISCRETE" })
        {
            if (letters.EndsWith(ending, StringComparison.Ordinal))
                letters = letters[..^ending.Length];
        }

        return letters;
    }
}
