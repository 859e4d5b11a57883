namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Every contract on one backend, against the float64 reference. A thin class a backend re-runs them.</summary>
public abstract class ContractTests
{
    public static IEnumerable<TheoryDataRow<string>> Elementwises => ElementwiseCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Normalizations => NormalizationCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Reductions => ReductionCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Resamplings => ResamplingCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Gemms => GemmCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Convolutions => ConvolutionCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Attentions => AttentionCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Quantizeds => QuantizedCases.All.Names;

    public static IEnumerable<TheoryDataRow<string>> Randoms => RandomCases.All.Names;

    /// <summary>The backend under test; skips the test, with the reason, where there is none.</summary>
    protected abstract IKernelBackend Backend { get; }

    [Theory]
    [MemberData(nameof(Elementwises))]
    public void Elementwise(string name) => ContractRunner.Check(Backend, ElementwiseCases.All[name]);

    [Theory]
    [MemberData(nameof(Normalizations))]
    public void Normalization(string name) => ContractRunner.Check(Backend, NormalizationCases.All[name]);

    [Theory]
    [MemberData(nameof(Reductions))]
    public void Reduction(string name) => ContractRunner.Check(Backend, ReductionCases.All[name]);

    [Theory]
    [MemberData(nameof(Resamplings))]
    public void Resampling(string name) => ContractRunner.Check(Backend, ResamplingCases.All[name]);

    [Theory]
    [MemberData(nameof(Gemms))]
    public void Gemm(string name) => ContractRunner.Check(Backend, GemmCases.All[name]);

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void Convolution(string name) => ContractRunner.Check(Backend, ConvolutionCases.All[name]);

    [Theory]
    [MemberData(nameof(Attentions))]
    public void Attention(string name) => ContractRunner.Check(Backend, AttentionCases.All[name]);

    [Theory]
    [MemberData(nameof(Quantizeds))]
    public void Quantized(string name) => ContractRunner.Check(Backend, QuantizedCases.All[name]);

    [Theory]
    [MemberData(nameof(Randoms))]
    public void Random(string name) => ContractRunner.Check(Backend, RandomCases.All[name]);
}
