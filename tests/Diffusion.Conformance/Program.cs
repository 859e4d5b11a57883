using System.CommandLine;
using Diffusion.Conformance;

var folder = new Argument<string>("FOLDER") { Description = "A folder laid out like the reference fixtures, an area of it, or a model's reference folder." };
var filter = new Option<string>("--filter") { Description = "Run only the cases whose name contains this text.", DefaultValueFactory = _ => "" };
var device = new Option<string>("--device") { Description = "Where to compute.", DefaultValueFactory = _ => "cpu" };
device.AcceptOnlyFromAmong("cpu", "opencl", "cuda");

var root = new RootCommand("Compares the library with reference numbers and prints the largest error of each case.") { folder, filter, device };
root.SetAction(parsed => Report(
    parsed.GetRequiredValue(folder), new ConformanceOptions(parsed.GetValue(filter) ?? "", parsed.GetValue(device) ?? "cpu")));
return root.Parse(args).Invoke();

static int Report(string folder, ConformanceOptions options)
{
    var counts = new int[3];
    try
    {
        foreach (var result in Runner.Run(folder, options))
        {
            Console.WriteLine(result);
            counts[(int)result.Outcome]++;
        }
    }
    catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine(error.Message);
        return 2;
    }

    if (counts.Sum() == 0)
        Console.Error.WriteLine($"{folder}: no case was selected. Is the filter '{options.Filter}' right?");

    Console.WriteLine($"{counts[(int)Outcome.Pass]} passed, {counts[(int)Outcome.Fail]} failed, {counts[(int)Outcome.Skip]} skipped");
    return counts.Sum() == 0 ? 2 : counts[(int)Outcome.Fail] == 0 ? 0 : 1;
}
