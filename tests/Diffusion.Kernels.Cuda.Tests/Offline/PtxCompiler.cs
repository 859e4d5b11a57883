using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Diffusion.Kernels.Cuda.Tests.Offline;

/// <summary>Compiles kernels to PTX text without a driver or a device.</summary>
internal static partial class PtxCompiler
{
    private static readonly Lazy<Context> Shared = new(() => Context.Create(builder => builder.Optimize(OptimizationLevel.O2)));
    private static readonly ConcurrentDictionary<(MethodInfo, int, int), string> Texts = new();

    /// <summary>The text of a kernel, with labels and parameters renumbered in the order of their appearance.</summary>
    /// <param name="kernel">A static method, closed if generic.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="architecture">80 or 90.</param>
    public static string Compile(MethodInfo kernel, int threads, int architecture = 80) =>
        Texts.GetOrAdd((kernel, threads, architecture), key => Renumber(CompileOnce(key.Item1, key.Item2, key.Item3)));

    /// <summary>The text as the compiler gives it.</summary>
    public static string CompileOnce(MethodInfo kernel, int threads, int architecture)
    {
        lock (Shared)
        {
            var (arch, isa) = architecture == 90
                ? (CudaArchitecture.SM_90, CudaInstructionSet.ISA_78)
                : (CudaArchitecture.SM_80, CudaInstructionSet.ISA_78);
            using var backend = new PTXBackend(Shared.Value, new CudaCapabilityContext(arch), arch, isa, null);
            var compiled = backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), new KernelSpecialization(threads, null));
            return CudaText.WithoutPromises(((PTXCompiledKernel)compiled).PTXAssembly);
        }
    }

    /// <summary>Numbers of parameters and labels come from a counter of the whole context; renumbered, a kernel's text is always the same.</summary>
    public static string Renumber(string text)
    {
        var names = new Dictionary<string, string>();
        return Numbered().Replace(text, match =>
        {
            if (!names.TryGetValue(match.Value, out string? name))
                names.Add(match.Value, name = (match.Value[0] == 'L' ? "L_" : "_p_") + names.Count);
            return name;
        });
    }

    [GeneratedRegex(@"\bL_\d+\b|\b_\w+_\d+\b")]
    private static partial Regex Numbered();
}
