namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Every contract on the CPU backend.</summary>
public sealed class CpuContractTests(CpuContractTests.Fixture fixture) : ContractTests, IClassFixture<CpuContractTests.Fixture>
{
    public sealed class Fixture : IDisposable
    {
        public CpuBackend Backend { get; } = CpuBackend.Create(threads: 2);

        public void Dispose() => Backend.Dispose();
    }

    protected override IKernelBackend Backend => fixture.Backend;
}
