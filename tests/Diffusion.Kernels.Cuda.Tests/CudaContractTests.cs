using Diffusion.Kernels.Tests.Contracts;

namespace Diffusion.Kernels.Cuda.Tests;

/// <summary>Every contract on the machine's first CUDA device; skipped where there is none.</summary>
public sealed class CudaContractTests(CudaDeviceFixture device) : ContractTests, IClassFixture<CudaDeviceFixture>
{
    protected override IKernelBackend Backend => device.Backend;
}

/// <summary>The first CUDA device.</summary>
public sealed class CudaDeviceFixture : IDisposable
{
    private readonly GpuBackend? backend;
    private readonly string reason = "";

    public CudaDeviceFixture()
    {
        try
        {
            backend = GpuBackend.Open("cuda");
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
}
