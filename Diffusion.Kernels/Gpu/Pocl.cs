using System.Runtime.InteropServices;
using ILGPU.Runtime.OpenCL;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Lets PoCL (an OpenCL device on the processor) run ILGPU's kernels in tests. ILGPU wants OpenCL's generic address space, which
/// PoCL 3 lacks; our kernels only ever use it for global memory, so that is what the word is defined as. Only with
/// <c>DIFFUSION_POCL=1</c> in the environment, and only for devices of that platform: real drivers never see this.
/// </summary>
internal static class Pocl
{
    private const string Platform = "Portable Computing Language";

    /// <summary>Whether the environment asks for it.</summary>
    public static bool Enabled => Environment.GetEnvironmentVariable("DIFFUSION_POCL") == "1";

    /// <summary>Before the first OpenCL call of the process: the environment as native code sees it.</summary>
    public static void Prepare()
    {
        if (Enabled && OperatingSystem.IsLinux())
            _ = SetNativeVariable("POCL_EXTRA_BUILD_FLAGS", "-D__generic=__global", 1);
    }

    /// <summary>Whether the device is PoCL's.</summary>
    public static bool Is(CLDevice device) => device.PlatformName.Contains(Platform, StringComparison.Ordinal);

    /// <summary>Declares the capability that <see cref="Prepare"/> has provided.</summary>
    public static void Admit(CLDevice device)
    {
        if (Enabled && Is(device))
            device.Capabilities.GetType().GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!.SetValue(device.Capabilities, true);
    }

    // Environment.SetEnvironmentVariable changes .NET's copy only.
    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNativeVariable(string name, string value, int overwrite);
}
