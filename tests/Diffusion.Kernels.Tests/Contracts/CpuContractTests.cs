namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Every contract on the CPU backend.</summary>
public sealed class CpuContractTests(CpuContractTests.Fixture fixture) : IClassFixture<CpuContractTests.Fixture>
{
    public sealed class Fixture : IDisposable
    {
        public CpuBackend Backend { get; } = CpuBackend.Create(threads: 2);

        public void Dispose() => Backend.Dispose();
    }

    public static IEnumerable<TheoryDataRow<string>> Elementwises => ElementwiseCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Normalizations => NormalizationCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Reductions => ReductionCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Resamplings => ResamplingCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Gemms => GemmCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Convolutions => ConvolutionCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Attentions => AttentionCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Quantizeds => QuantizedCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Randoms => RandomCases.All.Names;

    [Theory]
    [MemberData(nameof(Elementwises))]
    public void Elementwise(string name) => ContractRunner.Check(fixture.Backend, ElementwiseCases.All[name]);

    [Theory]
    [MemberData(nameof(Normalizations))]
    public void Normalization(string name) => ContractRunner.Check(fixture.Backend, NormalizationCases.All[name]);

    [Theory]
    [MemberData(nameof(Reductions))]
    public void Reduction(string name) => ContractRunner.Check(fixture.Backend, ReductionCases.All[name]);

    [Theory]
    [MemberData(nameof(Resamplings))]
    public void Resampling(string name) => ContractRunner.Check(fixture.Backend, ResamplingCases.All[name]);

    [Theory]
    [MemberData(nameof(Gemms))]
    public void Gemm(string name) => ContractRunner.Check(fixture.Backend, GemmCases.All[name]);

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void Convolution(string name) => ContractRunner.Check(fixture.Backend, ConvolutionCases.All[name]);

    [Theory]
    [MemberData(nameof(Attentions))]
    public void Attention(string name) => ContractRunner.Check(fixture.Backend, AttentionCases.All[name]);

    [Theory]
    [MemberData(nameof(Quantizeds))]
    public void Quantized(string name) => ContractRunner.Check(fixture.Backend, QuantizedCases.All[name]);

    [Theory]
    [MemberData(nameof(Randoms))]
    public void Random(string name) => ContractRunner.Check(fixture.Backend, RandomCases.All[name]);
}
