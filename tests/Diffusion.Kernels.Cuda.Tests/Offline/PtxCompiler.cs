using System.Collections.Concurrent;
using System.Reflection;
using Diffusion.Kernels.Gpu;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;

namespace Diffusion.Kernels.Cuda.Tests.Offline;

/// <summary>Compiles kernels to PTX text as the backend does, but without a driver or a device.</summary>
internal static class PtxCompiler
{
    // As the backend's own context, less the drivers.
    private static readonly Lazy<Context> Shared = new(() => Context.Create(builder => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2)));
    private static readonly ConcurrentDictionary<(MethodInfo, int, int, int), string> Texts = new();

    /// <summary>The text of a kernel.</summary>
    /// <param name="kernel">A static method, closed if generic.</param>
    /// <param name="threads">Most threads of a block; 0 says nothing to the compiler.</param>
    /// <param name="blocks">Blocks that must fit a multiprocessor at once; 0 says nothing to the compiler.</param>
    /// <param name="architecture">80 or 90.</param>
    public static string Compile(MethodInfo kernel, int threads, int blocks = 0, int architecture = 80) =>
        Texts.GetOrAdd((kernel, threads, blocks, architecture), key => CompileAgain(key.Item1, key.Item2, key.Item3, key.Item4));

    /// <summary>The text, not from memory.</summary>
    public static string CompileAgain(MethodInfo kernel, int threads, int blocks, int architecture)
    {
        lock (Shared)
        {
            var target = architecture == 90 ? CudaArchitecture.SM_90 : CudaArchitecture.SM_80;
            using var backend = new PTXBackend(Shared.Value, new CudaCapabilityContext(target), target, CudaInstructionSet.ISA_78, null);
            return ((PTXCompiledKernel)KernelCache.Compile(backend, kernel, threads, blocks)).PTXAssembly;
        }
    }
}
