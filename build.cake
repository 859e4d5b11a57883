// The project's tasks by name, for people:
//     dotnet tool restore && dotnet cake --target=Test
// CI runs .ci/run, which makes the same checks.

var target = Argument("target", "Default");
var configuration = Argument("configuration", "Release");
var solution = "Diffusion.slnx";
var output = Directory("artifacts");

// Runs the SDK with its output as it is, and fails when it does. Cake's own aliases don't know the new test runner's options.
void DotNet(params string[] arguments)
{
    var list = new ProcessArgumentBuilder();
    foreach (var argument in arguments)
        list.AppendQuoted(argument);
    var code = StartProcess("dotnet", new ProcessSettings { Arguments = list });
    if (code != 0)
        throw new CakeException(code, $"dotnet {string.Join(' ', arguments)} ended with exit code {code}.");
}

void Conformance(string folder) =>
    DotNet("run", "--no-build", "-c", configuration, "--project", "tests/Diffusion.Conformance", "--", folder);

Task("Restore")
    .Description("Packages of the solution.")
    .Does(() => DotNet("restore", solution));

Task("Build")
    .Description("Everything but the benchmarks.")
    .IsDependentOn("Restore")
    .Does(() => DotNet("build", solution, "-c", configuration, "--no-restore"));

Task("Format")
    .Description("Fails when dotnet format would change a file.")
    .IsDependentOn("Restore")
    .Does(() => DotNet("format", solution, "--no-restore", "--verify-no-changes"));

Task("Test")
    .Description("All test projects, C# and F#.")
    .IsDependentOn("Build")
    .Does(() => DotNet("test", "-c", configuration, "--no-build"));

Task("Conformance")
    .Description("The project's own reference numbers; --fixtures=FOLDER for another folder of that layout.")
    .IsDependentOn("Build")
    .Does(() => Conformance(Argument("fixtures", "tests/fixtures")));

Task("Sample")
    .Description("The README's picture, as artifacts/circle.png.")
    .IsDependentOn("Build")
    .Does(() => DotNet(
        "run", "--no-build", "-c", configuration, "--project", "samples/TextToImage", "--",
        "a large red circle on a white background", "--seed", "42", "--steps", "20", "--out", output + File("circle.png")));

Task("Benchmarks")
    .Description("Builds the benchmarks; --peers=true with the libraries to compare with, which are large.")
    .Does(() => DotNet("build", "benchmarks/Diffusion.Benchmarks.csproj", "-c", configuration, $"-p:Peers={Argument("peers", false)}"));

Task("Pack")
    .Description("The libraries as packages in artifacts/package.")
    .IsDependentOn("Build")
    .Does(() => DotNet("pack", solution, "-c", configuration, "--no-build"));

Task("Default")
    .IsDependentOn("Build")
    .IsDependentOn("Test")
    .IsDependentOn("Conformance");

RunTarget(target);
