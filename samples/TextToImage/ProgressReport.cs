using Diffusion.Dsl.Denoising;
using Spectre.Console;

namespace Diffusion.Samples.TextToImage;

/// <summary>Shows a run's progress: a bar on a terminal, a few lines elsewhere. Always on standard error.</summary>
internal static class ProgressReport
{
    public static T During<T>(int steps, Func<IProgress<Step>, T> run)
    {
        if (Console.IsErrorRedirected)
            return run(new Told(step => Plain(step, steps)));
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask("denoising", maxValue: steps);
                return run(new Told(step => task.Value = step.Index + 1));
            });
    }

    // About four lines, however many steps there are.
    private static void Plain(Step step, int steps)
    {
        int done = step.Index + 1, every = Math.Max(1, (steps + 3) / 4);
        if (done % every == 0 || done == steps)
            Console.Error.WriteLine($"  step {done} of {steps}");
    }

    // Progress<T> would post to the thread pool, out of order.
    private sealed class Told(Action<Step> report) : IProgress<Step>
    {
        public void Report(Step value) => report(value);
    }
}
