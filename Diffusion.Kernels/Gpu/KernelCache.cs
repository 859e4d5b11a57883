using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using Diffusion.Kernels.Cuda;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;

namespace Diffusion.Kernels.Gpu;

/// <summary>A kernel that is loaded on a device. Launching allocates no managed memory.</summary>
/// <typeparam name="T">Its parameters: one struct.</typeparam>
internal sealed class GpuKernel<T>(Accelerator accelerator, Action<AcceleratorStream, KernelConfig, T> launcher)
    where T : struct
{
    /// <summary>Enqueues it.</summary>
    /// <param name="groups">Groups of threads; nothing happens for 0.</param>
    /// <param name="threads">Threads in each.</param>
    /// <param name="parameters">The parameters.</param>
    /// <param name="sharedBytes">Dynamic shared memory (CUDA only).</param>
    public void Launch(long groups, int threads, in T parameters, int sharedBytes = 0)
    {
        ObjectDisposedException.ThrowIf(accelerator.IsDisposed, accelerator);
        if (groups == 0)
            return;
        var shared = sharedBytes == 0 ? default : SharedMemoryConfig.RequestDynamic<byte>(sharedBytes);
        launcher(accelerator.DefaultStream, new KernelConfig(checked((int)groups), threads, shared), parameters);
    }
}

/// <summary>Makes launchers in another way than the device's driver would.</summary>
internal interface IKernelLoader
{
    /// <summary>A launcher of a static method with one struct parameter.</summary>
    Action<AcceleratorStream, KernelConfig, T> Load<T>(MethodInfo method, int maxThreads, int minGroups)
        where T : struct;
}

/// <summary>
/// Compiles kernel methods once a device. ILGPU numbers names in a kernel's text by a counter of the process; they are renumbered
/// here, so that the text depends on the kernel alone and the driver finds it in its own cache on disk.
/// </summary>
internal sealed partial class KernelCache(Accelerator accelerator, IKernelLoader? loader = null)
{
    private readonly ConcurrentDictionary<(MethodBase, int, int), object> kernels = new();
    private readonly Lock gate = new();

    /// <summary>Kernels compiled so far.</summary>
    public int Count => kernels.Count;

    /// <summary>The loaded kernel of a static method with one struct parameter.</summary>
    /// <param name="method">The method.</param>
    /// <param name="maxThreads">Most threads in a group; 0 says nothing to the compiler.</param>
    /// <param name="minGroups">Groups that must fit a multiprocessor at once (CUDA only); 0 says nothing to the compiler.</param>
    public GpuKernel<T> Get<T>(Action<T> method, int maxThreads = 0, int minGroups = 0)
        where T : struct
    {
        var key = ((MethodBase)method.Method, maxThreads, minGroups);
        if (kernels.TryGetValue(key, out var known))
            return (GpuKernel<T>)known;
        // One at a time: ILGPU's compiler shares state.
        lock (gate)
        {
            if (kernels.TryGetValue(key, out known))
                return (GpuKernel<T>)known;
            var kernel = new GpuKernel<T>(accelerator, loader is null ? Load<T>(method.Method, maxThreads, minGroups) : loader.Load<T>(method.Method, maxThreads, minGroups));
            kernels[key] = kernel;
            return kernel;
        }
    }

    private Action<AcceleratorStream, KernelConfig, T> Load<T>(MethodInfo method, int maxThreads, int minGroups)
        where T : struct =>
        accelerator.LoadKernel(Compile(accelerator.GetBackend(), method, maxThreads, minGroups)).CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, T>>();

    /// <summary>Compiles for a backend and renumbers the text; needs no device for PTX.</summary>
    public static CompiledKernel Compile(Backend backend, MethodInfo method, int maxThreads = 0, int minGroups = 0)
    {
        var specialization = maxThreads == 0 ? KernelSpecialization.Empty : new KernelSpecialization(maxThreads, minGroups == 0 ? null : minGroups);
        var compiled = backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(method), specialization);
        if (compiled is CLCompiledKernel cl)
            Replace(cl, nameof(CLCompiledKernel.Source), Fenced(Stable(cl.Source, GeneratedOpenClName())));
        else if (compiled is PTXCompiledKernel ptx)
            Replace(ptx, nameof(PTXCompiledKernel.PTXAssembly), CudaText.Correct(Stable(ptx.PTXAssembly, GeneratedPtxName())));
        return compiled;
    }

    // ILGPU 1.5.3 orders global memory alone at a barrier, so a compiler may move reads and writes of shared memory across it.
    private static string Fenced(string source) =>
        source.Replace("work_group_barrier ( CLK_GLOBAL_MEM_FENCE )", "work_group_barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)", StringComparison.Ordinal);

    /// <summary>Numbers generated names by their first appearance.</summary>
    private static string Stable(string text, Regex generatedName)
    {
        var numbers = new Dictionary<string, string>();
        return generatedName.Replace(text, match =>
        {
            if (!numbers.TryGetValue(match.Value, out var name))
                numbers[match.Value] = name = $"{match.Groups[1].Value}{numbers.Count}";
            return name;
        });
    }

    // Text and code of a compiled kernel are read-only properties; the loader reads them.
    private static void Replace(object kernel, string property, string text) =>
        kernel.GetType().GetField($"<{property}>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(kernel, text);

    // type_14849_kernel, and other names that end in a node's number.
    [GeneratedRegex(@"\b(\w+_)\d+(?=_kernel\b|\b)")]
    private static partial Regex GeneratedOpenClName();

    // L_115970 and _a_11750; not the target's name, sm_80.
    [GeneratedRegex(@"\b(L_|_\w+_)\d+\b")]
    private static partial Regex GeneratedPtxName();
}
