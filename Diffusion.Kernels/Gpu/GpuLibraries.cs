using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>Finds the drivers' libraries under the names that run-time packages give them (without the developers' links).</summary>
internal static class GpuLibraries
{
    private static readonly Lazy<bool> Prepared = new(Register);

    /// <summary>Tells ILGPU where to look; once, before its first context.</summary>
    public static void Prepare() => _ = Prepared.Value;

    /// <summary>Loads the CUDA driver or the OpenCL loader; 0 if the machine has none.</summary>
    /// <param name="name"><c>cuda</c> or <c>OpenCL</c>, as ILGPU's imports say.</param>
    public static nint Load(string name)
    {
        string[] names = OperatingSystem.IsWindows()
            ? [name == "cuda" ? "nvcuda.dll" : "OpenCL.dll"]
            : OperatingSystem.IsMacOS()
                ? ["/System/Library/Frameworks/OpenCL.framework/OpenCL"]
                : [$"lib{name}.so.1", $"lib{name}.so"];
        foreach (string candidate in names)
        {
            if (NativeLibrary.TryLoad(candidate, out nint handle))
                return handle;
        }
        return 0;
    }

    /// <summary>Whether an OpenCL driver shows a device that isn't a processor.</summary>
    public static unsafe bool HasOpenClGpu()
    {
        const ulong gpuOrAccelerator = 4 | 8;
        const int most = 32;
        Prepare();
        nint library = Load("OpenCL");
        if (library == 0 || !NativeLibrary.TryGetExport(library, "clGetPlatformIDs", out nint platforms)
            || !NativeLibrary.TryGetExport(library, "clGetDeviceIDs", out nint devices))
            return false;
        nint* found = stackalloc nint[most];
        uint count = 0, gpus = 0;
        if (((delegate* unmanaged<uint, nint*, uint*, int>)platforms)(most, found, &count) != 0)
            return false;
        for (int i = 0; i < Math.Min(count, most); i++)
        {
            // An error says that the platform has no such device.
            if (((delegate* unmanaged<nint, ulong, uint, nint*, uint*, int>)devices)(found[i], gpuOrAccelerator, 0, null, &gpus) == 0 && gpus > 0)
                return true;
        }
        return false;
    }

    private static bool Register()
    {
        Pocl.Prepare();
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Resolve);
        }
        catch (InvalidOperationException)
        {
            // Under WSL, ILGPU has set its own, which knows the names there.
        }
        return true;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name is "cuda" or "OpenCL" ? Load(name) : 0;
}
