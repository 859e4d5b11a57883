using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.OpenCl.Tests;

/// <summary>The OpenCL device of the tests: the first one, PoCL included.</summary>
public sealed class OpenClDevice : IDisposable
{
    private readonly GpuBackend? backend;
    private readonly string reason = "";

    public OpenClDevice()
    {
        try
        {
            backend = GpuBackend.Open("opencl");
        }
        catch (NotSupportedException e)
        {
            reason = e.Message;
        }
    }

    /// <summary>The backend; skips the test where the machine has no device.</summary>
    public GpuBackend Backend
    {
        get
        {
            Assert.SkipWhen(backend is null, reason);
            return backend!;
        }
    }

    public void Dispose() => backend?.Dispose();

#pragma warning disable CA2255 // these are tests, not a library: the switch must be set before the process's first OpenCL call
    [ModuleInitializer]
    internal static void AdmitPocl() => Environment.SetEnvironmentVariable("DIFFUSION_POCL", "1");
#pragma warning restore CA2255
}
