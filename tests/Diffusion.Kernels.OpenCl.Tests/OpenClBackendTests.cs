using System.Runtime.InteropServices;
using Diffusion.Kernels.Gpu;
using Diffusion.Kernels.Tests.Contracts;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;

namespace Diffusion.Kernels.OpenCl.Tests;

/// <summary>Memory, refusals, and the kernels' text.</summary>
public sealed class OpenClBackendTests(OpenClDevice device) : IClassFixture<OpenClDevice>
{
    private GpuBackend Backend => device.Backend;

    private static ElementwiseSpec Copy(int n) => new(ElementwiseProgram.Identity, [Make.Layout([n])], Make.Layout([n]));

    private static BufferSlice At(DeviceBuffer buffer, long offset = 0) => new(buffer, offset);

    [Fact]
    public void Memory_keeps_what_was_uploaded()
    {
        using var buffer = Backend.Allocate(300_000);
        var data = Enumerable.Range(0, 290_001).Select(i => (byte)(i * 7)).ToArray();
        Backend.Upload(data, At(buffer, 101));
        var back = new byte[data.Length];
        Backend.Download(At(buffer, 101), back);
        Assert.Equal(data, back);
    }

    [Fact]
    public unsafe void Mapped_memory_is_a_copy()
    {
        var data = Enumerable.Range(0, 16).Select(i => (float)i).ToArray();
        fixed (float* address = data)
        {
            using var buffer = Backend.Map((nint)address, 64, data);
            data[3] = -1;
            var back = new float[16];
            Backend.Download(At(buffer), MemoryMarshal.AsBytes(back.AsSpan()));
            Assert.Equal(3, back[3]);
        }
    }

    [Fact]
    public void Foreign_disposed_and_short_operands_are_refused_before_the_launch()
    {
        using var other = GpuBackend.Open("opencl");
        using var processor = CpuBackend.Create(1);
        using var foreign = other.Allocate(64);
        using var host = processor.Allocate(64);
        using var own = Backend.Allocate(64);
        using var small = Backend.Allocate(60);
        var disposed = Backend.Allocate(64);
        disposed.Dispose();
        var launch = Backend.Prepare(Copy(16)).Launch;
        void Run(params BufferSlice[] operands) => launch(new KernelArguments { Operands = operands });

        Assert.Throws<ArgumentException>(() => Run(At(foreign), At(own)));
        Assert.Throws<ArgumentException>(() => Run(At(host), At(own)));
        Assert.Throws<ArgumentException>(() => Run(At(own)));
        Assert.Throws<ObjectDisposedException>(() => Run(At(disposed), At(own)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run(At(small), At(own)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run(At(own, 4), At(own)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backend.Upload(new byte[65], At(own)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backend.Download(At(own, -1), new byte[4]));
        Assert.Throws<KernelShapeException>(() => Backend.Prepare(new GemmSpec(Make.Layout([1, 2, 3]), Make.Layout([1, 4, 5]), Make.Layout([1, 2, 5]))));
    }

    [Fact]
    public void Memory_that_is_not_there_is_refused_and_the_device_goes_on()
    {
        long most = Backend.Info.MemoryBytes;
        var error = Assert.Throws<DeviceMemoryException>(() => Backend.Allocate(most + 1));
        Assert.Contains(Backend.Info.Name, error.Message, StringComparison.Ordinal);
        Assert.Contains("float16", error.Message, StringComparison.Ordinal);
        Assert.Throws<DeviceMemoryException>(() => Backend.Allocate(long.MaxValue / 2));
        Memory_keeps_what_was_uploaded();
    }

    [Fact]
    public void Disposing_the_device_first_is_safe()
    {
        var backend = Another();
        var buffer = backend.Allocate(1000);
        var kernel = backend.Prepare(Copy(16));
        backend.Dispose();
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Download(At(buffer), new byte[4]));
        Assert.Throws<ObjectDisposedException>(() => backend.Allocate(4));
        Assert.Throws<ObjectDisposedException>(() => backend.Prepare(Copy(16)));
        Assert.Throws<ObjectDisposedException>(() => kernel.Launch(new KernelArguments { Operands = [At(buffer), At(buffer, 64)] }));
        buffer.Dispose();
    }

    [Fact]
    public void Pieces_that_come_back_are_merged()
    {
        using var backend = Another();
        var random = new Random(3);
        var live = new List<DeviceBuffer>();
        for (int i = 0; i < 2000; i++)
        {
            if (live.Count > 0 && random.Next(3) == 0)
            {
                int at = random.Next(live.Count);
                live[at].Dispose();
                live.RemoveAt(at);
            }
            else
            {
                live.Add(backend.Allocate(random.Next(1, 20_000)));
            }
        }
        long[] places = [.. live.Select(b => ((GpuBlock)b.Native!).ByteOffset).Order()];
        Assert.Equal(places.Length, places.Distinct().Count());
        foreach (var buffer in live)
            buffer.Dispose();
        long reserved = backend.Context.Arena.Reserved;
        // A slab whose pieces are all back takes one that is nearly as large.
        using var large = backend.Allocate(60 << 20);
        Assert.Equal(reserved, backend.Context.Arena.Reserved);
    }

    [Fact]
    public void A_kernels_text_does_not_depend_on_what_was_compiled_before()
    {
        var compiler = Backend.Context.Accelerator.GetBackend();
        string Text<T>(Action<T> method)
            where T : struct => ((CLCompiledKernel)KernelCache.Compile(compiler, method.Method)).Source;
        string first = Text<RowParameters>(GpuRowNorm.Normalize);
        Text<GatherParameters>(GpuGather.Run);
        Assert.Equal(first, Text<RowParameters>(GpuRowNorm.Normalize));
        // Shared memory must be ordered at barriers as well.
        Assert.Contains("CLK_LOCAL_MEM_FENCE", first, StringComparison.Ordinal);
    }

    [Fact]
    public void Launching_allocates_no_managed_memory()
    {
        foreach (var name in new[] { "bias, Gelu, residual", "dense 1x64x64x64" })
            ContractRunner.CheckAllocatesNothing(Backend, GemmCases.All[name]);
    }

    [Theory]
    [InlineData("opencl", 99)]
    [InlineData("opencl", -1)]
    [InlineData("cuda", 99)]
    public void A_device_that_is_not_there_is_refused_with_what_is(string kind, int index)
    {
        _ = Backend;
        var error = Assert.Throws<NotSupportedException>(() => GpuBackend.Open(kind, index));
        Assert.Contains($"{kind}:{index}", error.Message, StringComparison.Ordinal);
        Assert.Contains("\"cpu\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_found_says_why_it_can_or_can_not_be_used()
    {
        _ = Backend;
        var found = GpuDevices.Find();
        Assert.Contains(found, f => f is { Kind: "opencl", Usable: true });
        Assert.Contains(found, f => f.Kind == "cuda");
        Assert.All(found, f => Assert.NotEmpty(f.Detail));
    }

    [Fact]
    public void After_the_warm_up_a_like_kernel_needs_no_compiler()
    {
        using var backend = Another();
        backend.WarmUp();
        int compiled = backend.CompiledKernels;
        Assert.True(compiled > 10, $"only {compiled} kernels were compiled");
        backend.WarmUp();
        foreach (var name in new[] { "bias, Gelu, residual", "dense 2x17x33x65" })
            ContractRunner.Check(backend, GemmCases.All[name]);
        Assert.Equal(compiled, backend.CompiledKernels);
        Assert.Throws<NotSupportedException>(() => backend.WarmUp(ElementType.Int8));
    }

    private GpuBackend Another()
    {
        _ = Backend;
        return GpuBackend.Open("opencl");
    }
}
