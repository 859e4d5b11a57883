using Diffusion.Kernels.Tests.Contracts;

namespace Diffusion.Kernels.OpenCl.Tests;

/// <summary>Every contract on an OpenCL device.</summary>
public sealed class OpenClContractTests(OpenClDevice device) : ContractTests, IClassFixture<OpenClDevice>
{
    protected override IKernelBackend Backend => device.Backend;
}

/// <summary>The same with a GPU's tiles, which a processor would not choose.</summary>
public sealed class GpuShapedContractTests(GpuShapedDevice device) : ContractTests, IClassFixture<GpuShapedDevice>
{
    protected override IKernelBackend Backend => device.Backend;
}
