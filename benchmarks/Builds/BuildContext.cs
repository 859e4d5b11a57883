using System.Reflection;
using System.Runtime.Loader;

namespace Diffusion.Benchmarks.Builds;

/// <summary>Loads a build of the library beside the one that runs, with a copy of <see cref="BuildCases"/> bound to it.</summary>
/// <param name="folder">Where its assemblies lie.</param>
internal sealed class BuildContext(string folder) : AssemblyLoadContext
{
    /// <summary><see cref="BuildCases.Make"/> of that build.</summary>
    public (string Name, Action Run)[] Make(int threads, string filter)
    {
        var cases = LoadFromAssemblyPath(typeof(BuildCases).Assembly.Location).GetType(typeof(BuildCases).FullName!, throwOnError: true)!;
        return ((string, Action)[])cases.GetMethod(nameof(BuildCases.Make))!.Invoke(null, [threads, filter])!;
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        string path = Path.Combine(folder, assemblyName.Name + ".dll");
        return assemblyName.Name!.StartsWith("Diffusion.", StringComparison.Ordinal) && File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }
}
