using System.Text.RegularExpressions;
using Diffusion.Core.Images;
using Xunit;

namespace Diffusion.Dsl.Tests.Documentation;

/// <summary>What the documentation shows is what is compiled, and what it points to is there.</summary>
public partial class DocumentationTests
{
    public static TheoryData<string> Pages =>
    [
        "README.md", "CONTRIBUTING.md",
        .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path)),
    ];

    // A block of code after a comment with a file's name is a passage of that file.
    [Theory]
    [InlineData("README.md", 2)]
    [InlineData("docs/getting-started.md", 9)]
    [InlineData("docs/schedulers.md", 1)]
    [InlineData("docs/devices.md", 1)]
    public void Code_is_taken_from_files_that_are_compiled(string page, int count)
    {
        var snippets = Snippet().Matches(File.ReadAllText(Path.Combine(Repository.Root, page)));

        Assert.Equal(count, snippets.Count);
        foreach (Match snippet in snippets)
        {
            string source = string.Join('\n', Repository.Lines(snippet.Groups["file"].Value));
            string[] code = [.. snippet.Groups["code"].Value.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
            Assert.Contains(string.Join('\n', code), source, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_lead_to_files(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        foreach (Match link in Link().Matches(File.ReadAllText(Path.Combine(Repository.Root, page))))
        {
            string target = Path.Combine(folder, link.Groups["path"].Value);
            Assert.True(Path.Exists(target), $"{page} leads to {link.Groups["path"].Value}, which isn't there.");
        }
    }

    [Fact]
    public void The_notebook_holds_the_code_that_is_run_here()
    {
        string[] source = Repository.Lines("tests/Diffusion.Dsl.Tests/Documentation/NotebookCells.cs");
        var compiled = source.SkipWhile(line => line != "// <cells>").Skip(1).TakeWhile(line => line != "// </cells>");

        Assert.Equal(compiled, Cells("notebooks/first-steps.dib"));
    }

    [Fact]
    public void The_notebook_shows_pictures_and_a_chart()
    {
        NotebookKernel.Shown.Clear();

        NotebookCells.Run();

        Assert.Equal(["text/html", "text/html", "text/html", "text/html", "text/plain"], NotebookKernel.Shown.Select(shown => shown.MimeType));
        Assert.Equal((64, 64), Size(0));
        Assert.Equal((64 * 6, 64), Size(1));
        Assert.Equal((64 * 4, 64), Size(3));
        Assert.DoesNotContain("NaN", (string)NotebookKernel.Shown[2].Value, StringComparison.Ordinal);
    }

    private static (int Width, int Height) Size(int shown) =>
        NotebookKernel.Shown[shown].Value is Image image ? (image.Width, image.Height) : (0, 0);

    private static IEnumerable<string> Cells(string notebook)
    {
        bool code = false;
        foreach (string line in Repository.Lines(notebook))
        {
            if (line.StartsWith("#!", StringComparison.Ordinal))
                code = line == "#!csharp";
            else if (code && !line.StartsWith("#r ", StringComparison.Ordinal) && !line.StartsWith("using ", StringComparison.Ordinal))
                yield return line;
        }
    }

    [GeneratedRegex("<!-- (?<file>[^ ]+) -->\\s*```[a-z#]+\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();

    [GeneratedRegex("""\]\((?!https?:)(?<path>[^)#\s]+)[^)]*\)|src="(?!https?:)(?<path>[^"]+)""")]
    private static partial Regex Link();
}
