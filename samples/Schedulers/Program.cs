// Schedulers side by side:
//     dotnet run -c Release --project samples/Schedulers -- plot DDIM Euler DPMSolverMultistep --steps 20 --out schedules.svg
//     dotnet run -c Release --project samples/Schedulers -- grid "a large red circle on a white background" --out grid.png
using System.CommandLine;
using Diffusion.Core.Formats;
using Diffusion.Core.Text;
using Diffusion.Samples.SchedulerPlots;

const int usage = 2, model = 3, file = 4, unsupported = 5, cancelled = 130;

var names = new Argument<string[]>("SCHEDULER") { Description = "Names, such as DDIM, Euler, DPMSolverMultistep, \"Euler ancestral\".", Arity = ArgumentArity.OneOrMore };
var prompt = new Argument<string>("PROMPT") { Description = "What is to be seen." };
var steps = new Option<int>("--steps") { Description = "How many steps, 1 to 1000.", DefaultValueFactory = _ => 20 };
var seed = new Option<ulong>("--seed") { Description = "The seed of the noise.", DefaultValueFactory = _ => 42 };
var guidance = new Option<double>("--guidance") { Description = "How strictly to follow the prompt; off at 1 and below.", DefaultValueFactory = _ => 5 };
var folder = new Option<string>("--model") { Description = "The model's folder, as diffusers writes it.", DefaultValueFactory = _ => Path.Combine("models", "shapes-64") };
var svg = new Option<string>("--out") { Description = "The drawing to write: .svg.", DefaultValueFactory = _ => "schedules.svg" };
var png = new Option<string>("--out") { Description = "The picture to write: .png, .jpg or .webp.", DefaultValueFactory = _ => "grid.png" };

var plot = new Command("plot", "Draws sigmas, timesteps and the paths of samples under the exact denoiser. Needs no model.") { names, steps, seed, svg };
plot.SetAction((parsed, _) => Guarded(() => Plot.Run(parsed.GetValue(names)!, Steps(parsed), parsed.GetValue(seed), parsed.GetValue(svg)!)));

var grid = new Command("grid", "Makes the same picture with every scheduler that the model can be run with.") { prompt, steps, seed, guidance, folder, png };
grid.SetAction((parsed, cancel) => Guarded(() => PromptGrid.Run(
    parsed.GetValue(folder)!, parsed.GetValue(prompt)!, Steps(parsed), parsed.GetValue(seed), parsed.GetValue(guidance), parsed.GetValue(png)!, cancel)));

var root = new RootCommand("Compares schedulers in pictures.") { plot, grid };
var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    Console.Error.WriteLine($"{parsed.Errors[0].Message} Try --help.");
    return usage;
}

return await parsed.InvokeAsync();

int Steps(ParseResult parsed) => parsed.GetValue(steps) is >= 1 and <= 1000 and var count
    ? count
    : throw new ArgumentException($"--steps must be 1 … 1000; got {parsed.GetValue(steps)}.");

// On another thread, so that Ctrl-C is heard while it works.
Task<int> Guarded(Func<string> command) => Task.Run(() =>
{
    try
    {
        Console.Out.WriteLine(command());
        return 0;
    }
    catch (Exception error) when (error is ArgumentException or NotSupportedException or IOException or UnauthorizedAccessException
        or CheckpointException or TokenizerException or OperationCanceledException)
    {
        // The runtime adds the parameter's name on further lines or in brackets; the message itself says all of it.
        Console.Error.WriteLine(error is OperationCanceledException ? "Cancelled. Nothing was written." : error.Message.Split('\n')[0].Split(" (Parameter '")[0]);
        return error switch
        {
            OperationCanceledException => cancelled,
            CheckpointException or TokenizerException => model,
            NotSupportedException => unsupported,
            ArgumentException => usage,
            _ => file,
        };
    }
});
