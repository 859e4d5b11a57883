namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Every contract on the CPU backend.</summary>
public sealed class CpuContractTests : IClassFixture<CpuContractTests.Fixture>
{
    private readonly CpuBackend backend;

    public CpuContractTests(Fixture fixture) => backend = fixture.Backend;

    public sealed class Fixture : IDisposable
    {
        public CpuBackend Backend { get; } = CpuBackend.Create();

        public void Dispose() => Backend.Dispose();
    }

    public static IEnumerable<TheoryDataRow<string>> Elementwises => ElementwiseCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Normalizations => NormalizationCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Gemms => GemmCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Convolutions => ConvolutionCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Attentions => AttentionCases.All.Names;

    [Theory]
    [MemberData(nameof(Elementwises))]
    public void Elementwise(string name) => ContractRunner.Check(backend, ElementwiseCases.All[name]);

    [Theory]
    [MemberData(nameof(Normalizations))]
    public void Normalization(string name) => ContractRunner.Check(backend, NormalizationCases.All[name]);

    [Theory]
    [MemberData(nameof(Gemms))]
    public void Gemm(string name) => ContractRunner.Check(backend, GemmCases.All[name]);

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void Convolution(string name) => ContractRunner.Check(backend, ConvolutionCases.All[name]);

    [Theory]
    [MemberData(nameof(Attentions))]
    public void Attention(string name) => ContractRunner.Check(backend, AttentionCases.All[name]);
}
