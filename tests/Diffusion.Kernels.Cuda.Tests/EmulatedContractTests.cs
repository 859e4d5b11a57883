using Diffusion.Kernels.Attention;
using Diffusion.Kernels.Convolution;
using Diffusion.Kernels.Cuda.Tests.Emulator;
using Diffusion.Kernels.Gemm;
using Diffusion.Kernels.Tests.Contracts;

namespace Diffusion.Kernels.Cuda.Tests;

/// <summary>
/// Contracts through the CUDA backend's host code and the PTX text of its kernels, run by the emulator: needs no GPU. The tensor cores'
/// cases all; of the portable kernels', which OpenCL's tests cover, every eighth (all with <c>DIFFUSION_EMULATE=all</c>, some minutes).
/// </summary>
public sealed class EmulatedContractTests(EmulatedDevice device) : IClassFixture<EmulatedDevice>
{
    private const int SampleStep = 8;

    // Cases that take the interpreter too long for every run.
    private const double MostFlops = 2e7;
    private const long MostElements = 50_000;

    private static readonly Lazy<EmulatedDevice> Chooser = new(() => new EmulatedDevice());

    private static bool All => Environment.GetEnvironmentVariable("DIFFUSION_EMULATE") == "all";

    public static IEnumerable<TheoryDataRow<string>> Gemms => Tensor(GemmCases.All);

    public static IEnumerable<TheoryDataRow<string>> Convolutions => Tensor(ConvolutionCases.All);

    public static IEnumerable<TheoryDataRow<string>> Attentions => Tensor(AttentionCases.All);

    public static IEnumerable<TheoryDataRow<string>> Others =>
        new[]
        {
            ElementwiseCases.All, NormalizationCases.All, ReductionCases.All, ResamplingCases.All, GemmCases.All, ConvolutionCases.All, AttentionCases.All,
            QuantizedCases.All, RandomCases.All,
        }.SelectMany(list => list.Names.Select(row => row.Data).Where(name => !UsesTensorCores(list[name].Spec)).Where((_, i) => All || i % SampleStep == 0))
        // Portable kernels need about four times as many instructions a product.
        .Where(name => All || IsQuick(FindOther(name).Spec, MostFlops / 4))
        .Select(name => new TheoryDataRow<string>(name));

    [Theory]
    [MemberData(nameof(Gemms))]
    public void Gemm(string name) => ContractRunner.Check(device.Backend, GemmCases.All[name]);

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void Convolution(string name) => ContractRunner.Check(device.Backend, ConvolutionCases.All[name]);

    [Theory]
    [MemberData(nameof(Attentions))]
    public void Attention(string name) => ContractRunner.Check(device.Backend, AttentionCases.All[name]);

    [Theory]
    [MemberData(nameof(Others))]
    public void Other(string name) => ContractRunner.Check(device.Backend, FindOther(name));

    private static IEnumerable<TheoryDataRow<string>> Tensor(CaseList list) =>
        list.Names.Where(row => UsesTensorCores(list[row.Data].Spec) && (All || IsQuick(list[row.Data].Spec, MostFlops)));

    private static bool IsQuick(KernelSpec spec, double flops) => spec.Flops < flops && spec.Operands.Sum(operand => operand.Count) < MostElements;

    private static bool UsesTensorCores(KernelSpec spec) => spec switch
    {
        // A paired product is run as a plain one.
        GemmSpec gemm => CudaGemm.Supports(Chooser.Value.Backend.Context, gemm with { Paired = false }),
        ConvolutionSpec convolution => CudaConvolution.Supports(Chooser.Value.Backend.Context, convolution),
        AttentionSpec attention => CudaAttention.Supports(Chooser.Value.Backend.Context, attention),
        _ => false,
    };

    private static ContractCase FindOther(string name) =>
        ElementwiseCases.All.Find(name) ?? NormalizationCases.All.Find(name) ?? ReductionCases.All.Find(name) ?? ResamplingCases.All.Find(name)
        ?? QuantizedCases.All.Find(name) ?? RandomCases.All.Find(name) ?? GemmCases.All.Find(name) ?? ConvolutionCases.All.Find(name) ?? AttentionCases.All[name];
}
