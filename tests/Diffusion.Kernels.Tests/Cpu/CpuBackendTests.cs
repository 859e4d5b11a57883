using System.Runtime.InteropServices;
using Diffusion.Kernels.Tests.Contracts;

namespace Diffusion.Kernels.Tests.Cpu;

/// <summary>Memory, refusals and launches of the CPU backend.</summary>
public sealed class CpuBackendTests : IDisposable
{
    private readonly CpuBackend backend = CpuBackend.Create(threads: 2);

    public void Dispose() => backend.Dispose();

    private static ElementwiseSpec Copy(int n) => new(ElementwiseProgram.Identity, [Make.Layout([n])], Make.Layout([n]));

    private static BufferSlice At(DeviceBuffer buffer, long offset = 0) => new(buffer, offset);

    [Fact]
    public void Memory_is_aligned_and_keeps_what_was_uploaded()
    {
        using var buffer = backend.Allocate(1000);
        Assert.Equal(0, buffer.Address % 64);
        var data = Enumerable.Range(0, 900).Select(i => (byte)i).ToArray();
        backend.Upload(data, At(buffer, 100));
        var back = new byte[900];
        backend.Download(At(buffer, 100), back);
        Assert.Equal(data, back);
    }

    [Fact]
    public unsafe void Mapped_memory_is_not_copied()
    {
        var data = new float[16];
        fixed (float* address = data)
        {
            using var source = backend.Map((nint)address, 64, data);
            using var target = backend.Allocate(64);
            data[3] = 5;
            backend.Prepare(Copy(16)).Launch(new KernelArguments { Operands = [At(source), At(target)] });
            var back = new float[16];
            backend.Download(At(target), MemoryMarshal.AsBytes(back.AsSpan()));
            Assert.Equal(data, back);
        }
    }

    [Fact]
    public void Too_much_memory_is_refused_by_name()
    {
        var error = Assert.Throws<DeviceMemoryException>(() => backend.Allocate(long.MaxValue));
        Assert.Contains("bytes", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => backend.Allocate(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuBackend.Create(0));
    }

    [Fact]
    public void Transfers_stay_within_the_buffer()
    {
        using var buffer = backend.Allocate(16);
        Assert.Throws<ArgumentOutOfRangeException>(() => backend.Upload(new byte[17], At(buffer)));
        Assert.Throws<ArgumentOutOfRangeException>(() => backend.Upload(new byte[1], At(buffer, -1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => backend.Download(At(buffer, 9), new byte[8]));
        Assert.Throws<ArgumentOutOfRangeException>(() => backend.Download(At(buffer, long.MaxValue), new byte[8]));
    }

    [Fact]
    public void Foreign_disposed_short_and_missing_operands_are_refused()
    {
        using var other = CpuBackend.Create(1);
        using var foreign = other.Allocate(64);
        using var own = backend.Allocate(64);
        using var small = backend.Allocate(60);
        var disposed = backend.Allocate(64);
        disposed.Dispose();
        disposed.Dispose();
        var launch = backend.Prepare(Copy(16)).Launch;
        void Run(params BufferSlice[] operands) => launch(new KernelArguments { Operands = operands });

        Assert.Throws<ArgumentException>(() => Run(At(foreign), At(own)));
        Assert.Throws<ArgumentException>(() => Run(default, At(own)));
        Assert.Throws<ObjectDisposedException>(() => Run(At(disposed), At(own)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run(At(small), At(own)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run(At(own), At(own, 4)));
        Assert.Throws<ArgumentException>(() => Run(At(own)));
        Assert.Throws<ArgumentException>(() => backend.Upload(new byte[1], At(foreign)));
        Run(At(own), At(own));
    }

    [Fact]
    public void Missing_scalars_and_short_workspace_are_refused()
    {
        var program = new ElementwiseProgram(1, [new(ElementwiseOp.Scalar, 1), new(ElementwiseOp.Multiply, 0, 1)]);
        var kernel = backend.Prepare(new ElementwiseSpec(program, [Make.Layout([16])], Make.Layout([16])));
        using var own = backend.Allocate(64);
        using var workspace = backend.Allocate(kernel.WorkspaceBytes);
        Assert.True(kernel.WorkspaceBytes > 0);
        void Run(double[] scalars, BufferSlice scratch) =>
            kernel.Launch(new KernelArguments { Operands = [At(own), At(own)], Scalars = scalars, Workspace = scratch });

        Assert.Throws<ArgumentException>(() => Run([1], At(workspace)));
        Assert.Throws<ArgumentException>(() => Run([1, 2], default));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run([1, 2], At(workspace, 64)));
        Run([1, 2], At(workspace));
    }

    [Fact]
    public void A_closed_backend_says_so()
    {
        var closed = CpuBackend.Create(2);
        closed.Dispose();
        closed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => closed.Allocate(1));
        Assert.Throws<ObjectDisposedException>(() => closed.Prepare(Copy(1)));
    }

    public static TheoryData<string, KernelSpec> Misfits { get; } = new()
    {
        { "other shape", new ElementwiseSpec(ElementwiseProgram.Identity, [Make.Layout([3])], Make.Layout([4])) },
        { "output repeated", new ElementwiseSpec(ElementwiseProgram.Identity, [Make.Layout([3, 2])], Make.Layout([3, 2], Lie.RepeatedFirst)) },
        { "register not written", new ElementwiseSpec(new ElementwiseProgram(1, [new(ElementwiseOp.Exp, 1)]), [Make.Layout([3])], Make.Layout([3])) },
        { "missing input", new ElementwiseSpec(new ElementwiseProgram(2, []), [Make.Layout([3])], Make.Layout([3])) },
        { "no result", new ElementwiseSpec(new ElementwiseProgram(0, []), [], Make.Layout([3])) },
        { "negative length", Copy(-1) },
        { "negative stride", new ElementwiseSpec(ElementwiseProgram.Identity, [new Layout(ElementType.Float32, [3], [-1])], Make.Layout([3])) },
        { "stride missing", new ElementwiseSpec(ElementwiseProgram.Identity, [new Layout(ElementType.Float32, [3], [])], Make.Layout([3])) },
        { "no such type", new ElementwiseSpec(ElementwiseProgram.Identity, [new Layout((ElementType)99, [3], [1])], Make.Layout([3])) },
        { "beyond all memory", new ElementwiseSpec(ElementwiseProgram.Identity, [Make.Layout([3])], new Layout(ElementType.Float32, [3], [long.MaxValue])) },
        { "more elements than there are", new SoftmaxSpec(new Layout(ElementType.Int8, [int.MaxValue, int.MaxValue, int.MaxValue], [0, 0, 0]), Make.Layout([1, 1])) },
        { "gemm inner", new GemmSpec(Make.Layout([1, 2, 3]), Make.Layout([1, 4, 5]), Make.Layout([1, 2, 5])) },
        { "gemm output", new GemmSpec(Make.Layout([1, 2, 3]), Make.Layout([1, 3, 5]), Make.Layout([1, 2, 6])) },
        { "gemm output repeated", new GemmSpec(Make.Layout([1, 2, 3]), Make.Layout([1, 3, 5]), Make.Layout([1, 2, 5], Lie.RepeatedLast)) },
        { "gemm paired odd", new GemmSpec(Make.Layout([1, 2, 3]), Make.Layout([1, 3, 5]), Make.Layout([1, 2, 2]), Paired: true) },
        { "epilogue shape", new GemmSpec(Make.Layout([1, 2, 3]), Make.Layout([1, 3, 5]), Make.Layout([1, 2, 5])) { After = Make.Bias([1, 2, 4]) } },
        { "convolution channels", new ConvolutionSpec(Make.Layout([1, 4, 4, 3]), Make.Layout([2, 4, 3, 3]), Make.Layout([1, 2, 2, 2])) },
        { "convolution output", new ConvolutionSpec(Make.Layout([1, 4, 4, 3]), Make.Layout([2, 3, 3, 3]), Make.Layout([1, 4, 4, 2])) },
        { "attention sizes", new AttentionSpec(Make.Layout([1, 1, 4, 8]), Make.Layout([1, 1, 4, 7]), Make.Layout([1, 1, 4, 8]), Make.Layout([1, 1, 4, 8]), 1) },
        { "attention scale", new AttentionSpec(Make.Layout([1, 1, 4, 8]), Make.Layout([1, 1, 4, 8]), Make.Layout([1, 1, 4, 8]), Make.Layout([1, 1, 4, 8]), double.NaN) },
        { "groups", new GroupNormSpec(Make.Layout([1, 4, 6]), Make.Layout([1, 4, 6]), 4, 1e-5) },
        { "epsilon", new RowNormSpec(RowNormKind.Layer, Make.Layout([1, 4]), Make.Layout([1, 4]), double.NaN) },
        { "argmax of nothing", new ReductionSpec(ReductionKind.ArgMax, Make.Layout([1, 0]), Make.Layout(ElementType.Int64, 1), 1) },
        { "quantile", new QuantileSpec(Make.Layout([1, 4]), Make.Layout([1]), 1.5) },
        { "resize of nothing", new ResamplingSpec(ResamplingMode.Nearest, Make.Layout([1, 0, 4, 1]), Make.Layout([1, 4, 4, 1])) },
        { "window", new PoolingSpec(PoolingKind.Average, Make.Layout([1, 4, 4, 1]), Make.Layout([1, 2, 2, 1]), (0, 2), (2, 2)) },
        { "index type", new GatherSpec(Make.Layout([1, 4, 4]), Make.Layout([3]), Make.Layout([1, 3, 4])) },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void Operands_that_do_not_fit_are_refused_before_anything_runs(string why, KernelSpec spec)
    {
        Assert.False(string.IsNullOrEmpty(why));
        Assert.Throws<KernelShapeException>(() => backend.Prepare(spec));
        using var reference = new ReferenceBackend();
        Assert.Throws<KernelShapeException>(() => reference.Prepare(spec));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(5)]
    [InlineData(long.MaxValue)]
    public void An_index_that_points_nowhere_writes_nothing(long index)
    {
        var spec = new GatherSpec(Make.Layout([1, 5, 4]), Make.Layout(ElementType.Int64, 2), Make.Layout([1, 2, 4]));
        using var table = backend.Allocate(80);
        using var indices = backend.Allocate(16);
        using var output = backend.Allocate(32);
        backend.Upload(new byte[80], At(table));
        backend.Upload(MemoryMarshal.AsBytes<long>([0, index]), At(indices));
        byte[] before = [.. Enumerable.Repeat((byte)7, 32)];
        backend.Upload(before, At(output));
        var kernel = backend.Prepare(spec);
        Assert.Throws<IndexOutOfRangeException>(() => kernel.Launch(new KernelArguments { Operands = [At(table), At(indices), At(output)] }));
        var after = new byte[32];
        backend.Download(At(output), after);
        Assert.Equal(before, after);
    }

    public static IEnumerable<TheoryDataRow<string>> Light { get; } =
    [
        "program 40x1030 RepeatedRows", "NCHW to NHWC Float32", "large Float32", "cast Float16 to Float32",
        "group affine silu 2x1000x24 by 1", "Layer weight and bias 300x320", "softmax 400x77",
        "Sum 1x700x300 by 2 Dense", "quantile 0.995 3x12288", "Nearest 16x16 to 32x32 by 64", "Bilinear 7x5 to 11x13 by 33 smooth",
        "Average (2, 2) (2, 2) (0, 0) of 13x12x37", "gather 1x100x768 77", "weight 1x130x96x257", "3x3 2x17x13 24 to 40", "tokens 2x3x17x33x40",
    ];

    [Theory]
    [MemberData(nameof(Light))]
    public void Launches_allocate_no_managed_memory(string name)
    {
        CaseList[] lists = [ElementwiseCases.All, NormalizationCases.All, ReductionCases.All, ResamplingCases.All, GemmCases.All, ConvolutionCases.All, AttentionCases.All];
        var test = lists.Select(list => list.Find(name)).First(found => found is not null);
        using var single = CpuBackend.Create(1);
        ContractRunner.CheckAllocatesNothing(single, test!);
        ContractRunner.CheckAllocatesNothing(backend, test!);
    }

    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.Float16)]
    public void The_output_may_be_an_input_of_the_same_layout(ElementType type)
    {
        // b ← a·silu(b) − b: the input in place is still read after the first step.
        var program = new ElementwiseProgram(2, [new(ElementwiseOp.Silu, 1), new(ElementwiseOp.Multiply, 0, 2), new(ElementwiseOp.Subtract, 3, 1)]);
        var layout = Make.Layout([37, 1100], Lie.Padded, type);
        var spec = new ElementwiseSpec(program, [layout, layout], layout);
        byte[] Result(IKernelBackend device, bool inPlace)
        {
            var random = new Random(4);
            var buffers = Enumerable.Range(0, 3).Select(_ => device.Allocate(layout.Span * type.Size())).ToArray();
            foreach (var buffer in buffers)
            {
                var bytes = new byte[buffer.ByteLength];
                for (int i = 0; i < bytes.Length; i += type.Size())
                {
                    float value = random.NextSingle() * 4 - 2;
                    if (type == ElementType.Float32)
                        MemoryMarshal.Write(bytes.AsSpan(i), value);
                    else
                        MemoryMarshal.Write(bytes.AsSpan(i), (Half)value);
                }
                device.Upload(bytes, At(buffer));
            }
            var target = inPlace ? buffers[1] : buffers[2];
            // What lies between the output's elements stays as it is, so it has to start equal.
            if (!inPlace)
            {
                var bytes = new byte[target.ByteLength];
                device.Download(At(buffers[1]), bytes);
                device.Upload(bytes, At(target));
            }
            var kernel = device.Prepare(spec);
            using var workspace = device.Allocate(kernel.WorkspaceBytes);
            kernel.Launch(new KernelArguments { Operands = [At(buffers[0]), At(buffers[1]), At(target)], Workspace = At(workspace) });
            var result = new byte[target.ByteLength];
            device.Download(At(target), result);
            foreach (var buffer in buffers)
                buffer.Dispose();
            return result;
        }

        Assert.Equal(Result(backend, inPlace: false), Result(backend, inPlace: true));
    }

    [Fact]
    public void One_thread_and_many_give_the_same_bits_elementwise()
    {
        using var many = CpuBackend.Create(4);
        foreach (string name in new[] { "program 40x1030 RepeatedRows", "program 1x200000 Dense", "program 70000x2 RepeatedLast" })
        {
            ContractRunner.Check(many, ElementwiseCases.All[name]);
            Assert.Equal(ContractRunner.Output(backend, ElementwiseCases.All[name]), ContractRunner.Output(many, ElementwiseCases.All[name]));
        }
    }
}
