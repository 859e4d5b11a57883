using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Diffusion.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Diffusion.Kernels;

/// <summary>A device that was found, or a reason why none was.</summary>
/// <param name="Kind"><c>opencl</c> or <c>cuda</c>.</param>
/// <param name="Index">Its number among the devices of that kind, as <see cref="GpuBackend.Open"/> takes it; −1 if this is no device.</param>
/// <param name="Name">The device's name, or what was looked for.</param>
/// <param name="Usable">Whether <see cref="GpuBackend.Open"/> can open it.</param>
/// <param name="Detail">Driver, memory and units of a usable device; else why not, and what to do.</param>
/// <param name="IsProcessor">Whether the "device" is the processor under another name (PoCL): correct, but slower than the CPU backend.</param>
public sealed record GpuFinding(string Kind, int Index, string Name, bool Usable, string Detail, bool IsProcessor = false);

/// <summary>Looks for GPUs, and says why one can't be used.</summary>
public static class GpuDevices
{
    private const int LeastCudaDriver = 11080;

    private static readonly Lazy<Context> Shared = new(CreateContext);

    /// <summary>
    /// Everything that was found, in the order of preference: CUDA devices, then OpenCL devices, then what is missing. Takes some
    /// tenths of a second the first time, since the drivers are started.
    /// </summary>
    public static ImmutableArray<GpuFinding> Find()
    {
        var found = ImmutableArray.CreateBuilder<GpuFinding>();
        try
        {
            AddCuda(found);
            AddOpenCl(found);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A driver that fails while it starts must not keep the others from being reported.
            found.Add(new GpuFinding("opencl", -1, "ILGPU", false, $"starting the drivers failed: {Innermost(e).Message}"));
        }
        return [.. found.OrderBy(f => !f.Usable).ThenBy(f => f.IsProcessor)];
    }

    /// <summary>
    /// Whether a look is worth it: false where no driver shows a GPU. Takes milliseconds, and starts nothing but the loader of OpenCL.
    /// </summary>
    public static bool MayHaveGpu() => GpuLibraries.Load("cuda") != 0 || GpuLibraries.HasOpenClGpu();

    /// <summary>The context that all devices of the process share; never disposed.</summary>
    internal static Context Context => Shared.Value;

    /// <summary>The device with a number among those of a kind.</summary>
    /// <exception cref="NotSupportedException">There is none, or it can't be used; the message says why.</exception>
    internal static Device Open(string kind, int index)
    {
        var devices = Devices(kind).ToArray();
        if (index >= 0 && index < devices.Length)
        {
            if (Refusal(devices[index]) is { Length: > 0 } refusal)
                throw new NotSupportedException($"GpuBackend.Open: {kind}:{index} ({devices[index].Name}) can't be used: {refusal}");
            return devices[index];
        }
        var reasons = Find().Where(f => f.Kind == kind).Select(f => f.Index < 0 ? $"{f.Name}: {f.Detail}" : $"{kind}:{f.Index} is {f.Name}");
        throw new NotSupportedException($"GpuBackend.Open: there is no device {kind}:{index}. {string.Join("; ", reasons)}. Use the device \"cpu\", or another number.");
    }

    private static IEnumerable<Device> Devices(string kind) => kind switch
    {
        "cuda" => Context.Devices.OfType<CudaDevice>(),
        "opencl" => Context.Devices.OfType<CLDevice>(),
        _ => throw new ArgumentException($"GpuBackend.Open: \"{kind}\" isn't a kind of GPU; use \"cuda\" or \"opencl\".", nameof(kind)),
    };

    private static Context CreateContext()
    {
        GpuLibraries.Prepare();
        // O2 makes CUDA loads and stores know that their memory is global.
        var context = Context.Create(builder => builder.OpenCL(_ => true).Cuda().EnableAlgorithms().Optimize(OptimizationLevel.O2));
        foreach (var device in context.Devices.OfType<CLDevice>())
            Pocl.Admit(device);
        return context;
    }

    private static void AddOpenCl(ImmutableArray<GpuFinding>.Builder found)
    {
        if (GpuLibraries.Load("OpenCL") == 0)
        {
            found.Add(new GpuFinding("opencl", -1, "OpenCL loader", false, "no libOpenCL.so.1 (OpenCL.dll on Windows) was found; install your GPU's driver, or its OpenCL package"));
            return;
        }
        int index = 0;
        foreach (var device in Context.Devices.OfType<CLDevice>())
        {
            string refusal = Refusal(device);
            string detail = $"{device.PlatformName}, OpenCL {device.DeviceVersion}, {device.MemorySize >> 20} MiB, {device.NumMultiprocessors} units";
            bool processor = device.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_CPU);
            found.Add(new GpuFinding("opencl", index++, device.Name, refusal.Length == 0, refusal.Length == 0 ? detail : refusal, processor));
        }
        if (index == 0)
            found.Add(new GpuFinding("opencl", -1, "OpenCL devices", false, "the loader is there, but no driver has registered a device; install your GPU's OpenCL driver"));
    }

    private static void AddCuda(ImmutableArray<GpuFinding>.Builder found)
    {
        nint library = GpuLibraries.Load("cuda");
        if (library == 0)
        {
            found.Add(new GpuFinding("cuda", -1, "CUDA driver", false, "no libcuda.so.1 (nvcuda.dll on Windows) was found; on a machine with an NVIDIA GPU, install its driver (520 or newer)"));
            return;
        }
        string failure = DriverFailure(library);
        if (failure.Length > 0)
        {
            found.Add(new GpuFinding("cuda", -1, "CUDA driver", false, failure));
            return;
        }
        int index = 0;
        foreach (var device in Context.Devices.OfType<CudaDevice>())
        {
            string refusal = Refusal(device);
            string detail = $"compute capability {device.Architecture}, driver {device.DriverVersion}, {device.MemorySize >> 20} MiB, {device.NumMultiprocessors} units";
            found.Add(new GpuFinding("cuda", index++, device.Name, refusal.Length == 0, refusal.Length == 0 ? detail : refusal));
        }
        if (index == 0)
            found.Add(new GpuFinding("cuda", -1, "CUDA devices", false, "the driver runs, but shows no device that it and ILGPU both support; a new card may need a newer driver"));
    }

    private static unsafe string DriverFailure(nint library)
    {
        if (!NativeLibrary.TryGetExport(library, "cuInit", out nint start) || !NativeLibrary.TryGetExport(library, "cuDriverGetVersion", out nint version))
            return "the library isn't a CUDA driver: it has no cuInit; reinstall the NVIDIA driver";
        int code = ((delegate* unmanaged<uint, int>)start)(0);
        if (code != 0)
            return $"cuInit failed with code {code}{(code == 100 ? " (no NVIDIA GPU is visible; in a container, pass it through)" : "")}; reinstall the driver if the card is there";
        int number = 0;
        code = ((delegate* unmanaged<int*, int>)version)(&number);
        return code != 0 || number >= LeastCudaDriver
            ? ""
            : $"the driver offers CUDA {number / 1000}.{number % 1000 / 10}, 11.8 is needed; update it to 520 or newer";
    }

    private static string Refusal(Device device) => device switch
    {
        CLDevice cl when !cl.Capabilities.GenericAddressSpace => Pocl.Is(cl)
            ? "PoCL has no generic address space; for tests, set DIFFUSION_POCL=1"
            : "its driver lacks OpenCL's generic address space (needs OpenCL 2.0, or 3.0 with that feature); update it",
        CudaDevice { Architecture: null } => "its compute capability is unknown to ILGPU; update the library",
        _ => "",
    };

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;
}
