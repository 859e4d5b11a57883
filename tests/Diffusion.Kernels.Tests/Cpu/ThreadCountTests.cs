using System.Runtime.InteropServices;
using Diffusion.Kernels.Cpu;
using Diffusion.Kernels.Tests.Contracts;

namespace Diffusion.Kernels.Tests.Cpu;

/// <summary>The heavy kernels give the same bits whatever the number of threads, and allocate nothing at launch.</summary>
public sealed class ThreadCountTests
{
    private const string ForcedAlgorithm = "winograd-2x2-late";

    public static TheoryData<string, string> Kernels => new(Specs.Select(pair => (pair.Key, pair.Value.Algorithm)));

    private static Dictionary<string, (KernelSpec Spec, string Algorithm)> Specs { get; } = new()
    {
        ["tall product"] = (new GemmSpec(Make.Layout([1, 700, 96]), Make.Layout([1, 96, 80]), Make.Layout([1, 700, 80])), "gemm"),
        ["wide product"] = (new GemmSpec(Make.Layout([1, 20, 700]), Make.Layout([1, 700, 400]), Make.Layout([1, 20, 400]), ConstantB: true), "gemm"),
        ["one row"] = (new GemmSpec(Make.Layout([1, 1, 700]), new Layout(ElementType.Float32, [1, 700, 900], [0, 1, 700]), Make.Layout([1, 1, 900])), "gemv"),
        ["winograd"] = (Convolution(72, 80, 50), "winograd-4x4"),
        ["winograd with more tiles than the cache holds"] = (Convolution(960, 144, 48), "winograd-4x4"),
        ["small winograd"] = (Convolution(96, 96, 8), "winograd-2x2"),
        ["winograd with weights as stored"] = (Convolution(640, 640, 8), "winograd-4x4-late"),
        ["small winograd with weights as stored"] = (Convolution(160, 96, 8), ForcedAlgorithm),
        ["exact convolution"] = (Convolution(32, 40, 20) with { Exact = true }, "implicit-gemm"),
        ["few outputs"] = (Convolution(64, 3, 30), "few-outputs"),
        ["attention"] = (Attention(causal: false), "online-softmax"),
        ["attention of few tokens"] = (Tokens(73, 8, 72), "online-softmax"),
        ["causal attention"] = (Attention(causal: true), "online-softmax"),
    };

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Threads_do_not_change_a_bit(string name, string algorithm)
    {
        byte[] alone = Run(name, algorithm, 1);
        Assert.Equal(alone, Run(name, algorithm, 2));
        Assert.Equal(alone, Run(name, algorithm, 5));
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_launch_allocates_nothing(string name, string algorithm)
    {
        using var backend = Create(2, algorithm);
        Assert.StartsWith(algorithm, backend.Prepare(Specs[name].Spec).Algorithm, StringComparison.Ordinal);
        ContractRunner.CheckAllocatesNothing(backend, new ContractCase(name, Specs[name].Spec));
    }

    /// <summary>A backend that chooses by its cost model, but for the one algorithm that no small shape prefers.</summary>
    private static CpuBackend Create(int threads, string algorithm) =>
        CpuBackend.Create(new CpuOptions { Threads = threads }, algorithm == ForcedAlgorithm ? ConvolutionAlgorithm.LateWinograd2 : null);

    private static ConvolutionSpec Convolution(int channels, int outputs, int side) =>
        new(Make.Layout([1, side, side, channels]), Make.Layout([outputs, channels, 3, 3]), Make.Layout([1, side, side, outputs])) { Padding = (1, 1, 1, 1), ConstantW = true };

    private static AttentionSpec Attention(bool causal) => Tokens(300, 3, 40) with { Scale = 0.2, Causal = causal };

    private static AttentionSpec Tokens(int tokens, int heads, int size)
    {
        var layout = Make.Ordered([1, heads, tokens, size], [0, 2, 1, 3]);
        return new AttentionSpec(layout, layout, layout, layout, 0.1);
    }

    private static byte[] Run(string name, string algorithm, int threads)
    {
        using var backend = Create(threads, algorithm);
        var kernel = backend.Prepare(Specs[name].Spec);
        Assert.StartsWith(algorithm, kernel.Algorithm, StringComparison.Ordinal);
        var random = new Random(3);
        var slices = kernel.Spec.Operands.Select(layout => Fill(backend, layout, random)).ToArray();
        foreach (var packing in kernel.Packings)
        {
            var packed = new BufferSlice(backend.Allocate(packing.Bytes), 0);
            packing.Pack(slices[packing.Operand], packed);
            slices[packing.Operand] = packed;
        }
        var workspace = new BufferSlice(backend.Allocate(kernel.WorkspaceBytes), 0);
        kernel.Launch(new KernelArguments { Operands = slices, Workspace = workspace });
        var result = new byte[kernel.Spec.Operands[^1].Span * sizeof(float)];
        backend.Download(slices[^1], result);
        foreach (var slice in slices)
            slice.Buffer.Dispose();
        workspace.Buffer.Dispose();
        return result;
    }

    private static BufferSlice Fill(CpuBackend backend, Layout layout, Random random)
    {
        var values = new float[layout.Span];
        for (int i = 0; i < values.Length; i++)
            values[i] = random.NextSingle() * 2 - 1;
        var slice = new BufferSlice(backend.Allocate(values.Length * sizeof(float)), 0);
        backend.Upload(MemoryMarshal.AsBytes(values.AsSpan()), slice);
        return slice;
    }
}
