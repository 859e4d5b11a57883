using Diffusion.Conformance;
using Xunit;

namespace Diffusion.Dsl.Tests.Conformance;

/// <summary>The conformance runner over the repository's own fixtures, and the runner itself.</summary>
public sealed class ConformanceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("diffusion-").FullName;

    public static TheoryData<string> Areas => [.. Directory.GetDirectories(Fixtures).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static string Fixtures
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "Diffusion.slnx")))
                folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The repository's root wasn't found.");

            return Path.Combine(folder, "tests", "fixtures");
        }
    }

    [Theory]
    [MemberData(nameof(Areas))]
    public void The_fixtures_of_an_area_agree(string area)
    {
        var results = Runner.Run(Path.Combine(Fixtures, area), ConformanceOptions.Default).ToArray();
        Assert.All(results, result => Assert.True(result.Outcome != Outcome.Fail, result.ToString()));
        Assert.Contains(results, result => result.Outcome == Outcome.Pass);
    }

    [Fact]
    public void Wrong_values_fail_with_the_place()
    {
        var formats = Copy("formats");
        var json = Path.Combine(formats, "dtypes.json");
        File.WriteAllText(json, File.ReadAllText(json).Replace("0.3361658751964569", "0.4361658751964569", StringComparison.Ordinal));
        var result = Assert.Single(Runner.Run(_folder, new ConformanceOptions("dtypes", "cpu")));
        Assert.Equal(("formats/dtypes", Outcome.Fail), (result.Name, result.Outcome));
        Assert.Equal(0.1, result.MaxAbsError, 3);
        Assert.Contains("f32[0]", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_fails_its_case_only()
    {
        File.WriteAllText(Path.Combine(Copy("formats"), "sharded-00001-of-00002.safetensors"), "damaged");
        var results = Runner.Run(_folder, ConformanceOptions.Default).ToDictionary(result => result.Name);
        Assert.Equal(Outcome.Fail, results["formats/sharded"].Outcome);
        Assert.Contains("CheckpointException", results["formats/sharded"].Reason, StringComparison.Ordinal);
        Assert.Equal(Outcome.Pass, results["formats/dtypes"].Outcome);
    }

    [Fact]
    public void Cases_that_can_t_be_listed_are_a_failure()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "models", "unet2d", "tiny"));
        File.WriteAllText(Path.Combine(_folder, "models", "unet2d", "tiny", "io.json"), "damaged");
        var result = Assert.Single(Runner.Run(_folder, ConformanceOptions.Default));
        Assert.Equal(Outcome.Fail, result.Outcome);
    }

    [Fact]
    public void Unknown_areas_are_skipped_by_name()
    {
        Copy("formats");
        Directory.CreateDirectory(Path.Combine(_folder, "sounds"));
        File.WriteAllText(Path.Combine(_folder, "sounds", "x.json"), "{}");
        var result = Assert.Single(Runner.Run(_folder, new ConformanceOptions("sounds", "cpu")));
        Assert.Equal("SKIP sounds/x max_abs_err=NaN the area sounds isn't supported yet.", result.ToString());
    }

    [Fact]
    public void Unselected_cases_aren_t_run()
    {
        Assert.Empty(new ConformanceOptions("other", "cpu").Case("area/case", () => throw new InvalidOperationException()));
        var failed = Assert.Single(ConformanceOptions.Default.Case("area/case", () => throw new InvalidOperationException("why\nnot")));
        Assert.Equal("FAIL area/case max_abs_err=NaN InvalidOperationException: why not", failed.ToString());
    }

    [Fact]
    public void Folders_without_cases_are_refused()
    {
        Assert.Throws<DirectoryNotFoundException>(() => Runner.Run(Path.Combine(_folder, "absent"), ConformanceOptions.Default));
        Assert.Throws<InvalidDataException>(() => Runner.Run(_folder, ConformanceOptions.Default));
    }

    [Fact]
    public void Comparisons_can_fail()
    {
        Assert.Equal(Outcome.Fail, Compare.Absolute("x", [1.0], [1.1], 0.05).Outcome);
        Assert.Equal(Outcome.Pass, Compare.Relative("x", [10.0], [10.4], 0.05).Outcome);
        Assert.Equal(Outcome.Fail, Compare.Relative("x", [0.1], [0.2], 0.05).Outcome);
        Assert.Equal(Outcome.Fail, Compare.RelativeToLargest("x", [0.1], [0.11], 0.05).Outcome);
        Assert.Equal(Outcome.Fail, Compare.Absolute("x", [double.NaN], [0.0], 1e9).Outcome);
        Assert.Equal(Outcome.Fail, Compare.Absolute("x", [0.0], [double.NaN], 1e9).Outcome);
        Assert.Equal(Outcome.Pass, Compare.Absolute("x", [double.NaN, double.PositiveInfinity], [double.NaN, double.PositiveInfinity], 0).Outcome);
        Assert.Equal(Outcome.Fail, Compare.Absolute("x", [1.0, 2.0], [1.0], 1).Outcome);
        Assert.Equal(Outcome.Fail, Verdict.All([]).Outcome);
        Assert.Equal(Outcome.Fail, Verdict.Pass(1).And(Verdict.Skip("s")).And(Verdict.Fail("f")).Outcome);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Copy(string area)
    {
        var target = Directory.CreateDirectory(Path.Combine(_folder, area)).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Fixtures, area)))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));

        return target;
    }
}
