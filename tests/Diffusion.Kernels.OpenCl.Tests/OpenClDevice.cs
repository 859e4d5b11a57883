using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.OpenCl.Tests;

/// <summary>The OpenCL device of the tests: the first one, PoCL included.</summary>
public sealed class OpenClDevice() : OpenClFixture(static () => GpuBackend.Open("opencl"));

/// <summary>The same device with the tiles that are meant for GPUs.</summary>
public sealed class GpuShapedDevice() : OpenClFixture(static () => GpuBackend.OpenGpuShaped("opencl"));

/// <summary>A device for a class of tests.</summary>
public abstract class OpenClFixture : IDisposable
{
    private readonly GpuBackend? backend;
    private readonly string reason = "";

    protected OpenClFixture(Func<GpuBackend> open)
    {
        try
        {
            backend = open();
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
            // Where OpenCL is promised, as in CI, its absence is a failure.
            if (backend is null && Environment.GetEnvironmentVariable("DIFFUSION_REQUIRE_OPENCL") == "1")
                Assert.Fail(reason);
            Assert.SkipWhen(backend is null, reason);
            return backend!;
        }
    }

    public void Dispose()
    {
        backend?.Dispose();
        GC.SuppressFinalize(this);
    }

#pragma warning disable CA2255 // these are tests, not a library: the switch must be set before the process's first OpenCL call
    [ModuleInitializer]
    internal static void AdmitPocl() => Environment.SetEnvironmentVariable("DIFFUSION_POCL", "1");
#pragma warning restore CA2255
}
