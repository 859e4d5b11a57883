using System.Reflection;
using Diffusion.Kernels.Cuda.Tests.Offline;
using Diffusion.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// The library's CUDA backend with the emulator in the driver's place: the same host code, the same PTX text, memory of the process.
/// </summary>
public sealed class EmulatedDevice : IDisposable
{
    private readonly Context context = Context.Create(builder => builder.CPU());
    private readonly CPUAccelerator memory;

    public EmulatedDevice()
    {
        memory = context.CreateCPUAccelerator(0);
        var loader = new Loader();
        Backend = GpuBackend.Emulate(memory, loader);
        loader.Backend = Backend;
    }

    /// <summary>The backend.</summary>
    public GpuBackend Backend { get; }

    public void Dispose()
    {
        Backend.Dispose();
        memory.Dispose();
        context.Dispose();
    }

    private sealed class Loader : IKernelLoader
    {
        private readonly GlobalMemory global = new();
        private int launches;

        public GpuBackend? Backend { get; set; }

        public Action<AcceleratorStream, KernelConfig, T> Load<T>(MethodInfo method, int maxThreads, int minGroups)
            where T : struct
        {
            var machine = new PtxMachine(PtxCompiler.Compile(method, maxThreads, minGroups), global);
            Ordering[] orderings = [.. Ordering.All];
            return (_, config, parameters) =>
            {
                foreach (var slab in Backend!.Context.Arena.Slabs)
                    global.Admit(slab.LoadEffectiveAddressAsPtr(), slab.LengthInBytes);
                int shared = config.SharedMemoryConfig.NumElements * config.SharedMemoryConfig.ElementSize;
                machine.Launch(config.GridDim.X, config.GroupDim.X, shared, orderings[launches++ % orderings.Length], ParameterLayout.Bytes(parameters));
            };
        }
    }
}
