using System.Runtime.CompilerServices;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Devices;

public sealed class MemoryTests : IDisposable
{
    private readonly Device device = new(CpuBackend.Create(1));

    public void Dispose() => device.Dispose();

    [Fact]
    public void Only_what_was_asked_for_stays()
    {
        using var x = R(64, 64);
        long before = device.LiveBytes;
        var y = Deep(x, 10);
        Assert.Equal(before, device.LiveBytes);
        y.Realize();
        Assert.Equal(before + 64 * 64 * 4, device.LiveBytes);
        Assert.Equal(64 * 64, y.ToArray().Length);
        Assert.Equal(before + 64 * 64 * 4, device.LiveBytes);
        y.Dispose();
        y.Dispose();
        Assert.Equal(before, device.LiveBytes);
        x.Dispose();
        Assert.Equal(0, device.LiveBytes);
    }

    [Fact]
    public void Reading_leaves_nothing_behind()
    {
        using var x = R(32, 16);
        long before = device.LiveBytes;
        using var half = x.Transpose().Cast(ElementType.Float16);
        half.Realize();
        long stored = device.LiveBytes;
        half.ToArray();
        half.ToDoubles();
        half.ToBytes();
        x.Transpose().ToIntegers();
        Assert.Equal(stored, device.LiveBytes);
        Assert.Equal(before + 32 * 16 * 2, stored);
    }

    [Fact]
    public void A_deep_chain_needs_much_less_than_all_its_intermediates()
    {
        var x = R(128, 128);
        var y = Deep(x, 30);
        var report = device.Explain(y);
        Assert.True(report.PeakBytes * 5 < report.IntermediateBytes, report.Summary);
        long before = device.LiveBytes;
        y.Realize();
        Assert.True(device.PeakBytes <= before + report.PeakBytes + report.ResultBytes + 4096);
        Assert.True(device.PeakBytes - before < 60 * 128 * 128 * 4 / 5, $"{device.PeakBytes} {before} {report}");
    }

    [Fact]
    public void Buffers_are_used_again()
    {
        var x = R(64, 64);
        Deep(x, 5).Realize().Dispose();
        long kept = device.FreeBytes;
        Assert.True(kept > 0);
        for (int i = 0; i < 10; i++)
            Deep(x, 5).Realize().Dispose();
        Assert.Equal(kept, device.FreeBytes);
        device.Trim();
        Assert.Equal(0, device.FreeBytes);
        Assert.Equal(x.ToArray(), (x + 0).ToArray());
    }

    [Fact]
    public void Dropped_tensors_are_collected()
    {
        long before = device.LiveBytes;
        Drop();
        for (int i = 0; i < 20 && device.LiveBytes > before; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.Equal(before, device.LiveBytes);
    }

    [Fact]
    public void A_realised_tensor_does_not_keep_its_inputs()
    {
        var (y, input) = Realised();
        for (int i = 0; i < 20 && input.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.False(input.IsAlive);
        Assert.Equal(16, y.ToArray().Length);
    }

    [Fact]
    public void A_disposed_tensor_says_so()
    {
        var x = R(2, 2);
        var y = x + 1;
        x.Dispose();
        Assert.Contains("Dispose", Assert.Throws<ObjectDisposedException>(() => x.ToArray()).Message, StringComparison.Ordinal);
        Assert.Contains("Dispose", Assert.Throws<ObjectDisposedException>(() => y.ToArray()).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => x.AsConstant());
        Assert.Throws<ObjectDisposedException>(() => x.Transpose().ToArray());
        Assert.False(y.IsRealized);
        Assert.Equal(0, device.LiveBytes);
    }

    [Fact]
    public void Views_keep_memory_alive()
    {
        var x = R(4, 4);
        var expected = x.ToArray();
        var view = x.Transpose().Realize();
        var constant = x.AsConstant();
        x.Dispose();
        Assert.Equal(4 * 4 * 4 * 4, device.LiveBytes);
        using (var part = view.Slice(0, 1, 1))
            Assert.Equal(expected[1], part.ToArray()[0]);
        view.Dispose();
        Assert.Equal(expected, constant.ToArray());
        constant.Dispose();
        Assert.Equal(0, device.LiveBytes);
    }

    [Fact]
    public void Several_results_may_share_memory()
    {
        var x = R(8, 8);
        var y = x.Exp();
        var (a, b) = (y.Slice(0, 0, 6), y.Transpose());
        Tensor.Realize([a, b, y]);
        var values = y.ToArray();
        y.Dispose();
        b.Dispose();
        Assert.Equal(values[..48], a.ToArray());
    }

    [Fact]
    public void Several_results_may_be_on_several_devices_be_there_already_or_stand_twice()
    {
        using var other = new Device(CpuBackend.Create(1));
        Tensor x = R(8, 8), y = x.Exp(), there = (-x).Realize();
        var z = Tensor.From([1f, 2], [2], other) + 1;
        Tensor.Realize([y, there, z, y, z]);
        Assert.True(y.IsRealized && z.IsRealized);
        Assert.Equal([2f, 3], z.ToArray());
        x.Dispose();
        y.Dispose();
        there.Dispose();
        z.Dispose();
        Assert.Equal(0, device.LiveBytes);
    }

    [Fact]
    public void A_small_part_does_not_keep_a_large_result()
    {
        var x = R(256, 256);
        long before = device.LiveBytes;
        var part = x.Exp().Slice(0, 3, 1).Realize();
        Assert.True(device.LiveBytes - before <= 4096);
        Assert.Equal(256, part.ToArray().Length);
    }

    [Fact]
    public void A_cancelled_realisation_leaves_nothing_and_can_be_repeated()
    {
        using var x = R(64, 64);
        var y = Deep(x, 10);
        long before = device.LiveBytes;
        Assert.ThrowsAny<OperationCanceledException>(() => y.Realize(new CancellationToken(true)));
        Assert.False(y.IsRealized);
        Assert.Equal(before, device.LiveBytes);
        Assert.Equal(64 * 64, y.ToArray().Length);
    }

    [Fact]
    public void Cancellation_is_seen_between_kernels()
    {
        using var source = new CancellationTokenSource();
        int launches = 0;
        using var hooked = new Device(new HookedBackend(CpuBackend.Create(1), _ =>
        {
            if (++launches == 3)
                source.Cancel();
        }));
        var x = R(32, 32).To(hooked);
        var y = Deep(x, 10);
        long before = hooked.LiveBytes;
        Assert.ThrowsAny<OperationCanceledException>(() => y.Realize(source.Token));
        Assert.Equal(3, launches);
        Assert.False(y.IsRealized);
        Assert.Equal(before, hooked.LiveBytes);
        Assert.Equal(Deep(x.To(device), 10).ToArray(), y.ToArray());
    }

    [Fact]
    public void A_failing_kernel_leaves_nothing()
    {
        using var x = R(4, 4);
        var bad = Deep(x, 3).Gather(0, Tensor.FromIntegers([0, 7], [2], device)).Softmax();
        long before = device.LiveBytes;
        var error = Assert.Throws<IndexOutOfRangeException>(() => bad.ToArray());
        Assert.Contains("7", error.Message, StringComparison.Ordinal);
        Assert.False(bad.IsRealized);
        Assert.Equal(before, device.LiveBytes);
        Assert.Equal(16, Deep(x, 3).ToArray().Length);
    }

    [Fact]
    public void Too_large_a_tensor_is_refused_before_anything_runs()
    {
        int launches = 0;
        using var hooked = new Device(new HookedBackend(CpuBackend.Create(1), _ => launches++));
        var x = Tensor.Ones([4, 4], device: hooked).Exp();
        var absurd = x.Sum() + Tensor.Ones([100_000, 100_000, 20_000], device: hooked);
        long before = hooked.LiveBytes;
        Assert.Throws<DeviceMemoryException>(() => absurd.Realize());
        Assert.Throws<DeviceMemoryException>(() => Tensor.MatMul(absurd.Reshape(100_000, -1).Slice(1, 0, 1_000_000_000), Tensor.Ones([1_000_000_000, 1], device: hooked)).Realize());
        Assert.Equal(0, launches);
        Assert.Equal(before, hooked.LiveBytes);
        Assert.False(absurd.IsRealized);
        Assert.Equal(Math.E * 16, x.Sum().ToScalar(), 1e-4);
    }

    [Fact]
    public void A_disposed_device_keeps_no_memory_that_comes_back_later()
    {
        var gone = new Device(CpuBackend.Create(1));
        var x = Tensor.From([1f, 2], [2], gone);
        gone.Dispose();
        x.Dispose();
        Assert.Equal(0, gone.FreeBytes);
        Assert.Equal(0, gone.LiveBytes);
    }

    [Fact]
    public void Packed_weights_die_with_their_weight()
    {
        var allocated = new List<DeviceBuffer>();
        using var hooked = new Device(new HookedBackend(CpuBackend.Create(1), _ => { }, allocated.Add));
        var x = R(40, 64).To(hooked);
        var plain = R(96, 64).To(hooked);
        var w = plain.AsConstant();
        plain.Dispose();
        for (int i = 0; i < 3; i++)
            (x + i).Linear(w).Realize().Dispose();
        int buffers = allocated.Count;
        (x + 5).Linear(w).Realize().Dispose();
        Assert.Equal(buffers, allocated.Count);
        w.Dispose();
        x.Dispose();
        hooked.Trim();
        Assert.Equal(0, hooked.LiveBytes);
        Assert.All(allocated, b => Assert.True(b.IsDisposed));
    }

    [Fact]
    public void A_steady_loop_allocates_little_managed_memory()
    {
        var (x, w) = (R(8, 8), R(8, 8));
        Tensor Graph(int layers)
        {
            var y = x;
            for (int i = 0; i < layers; i++)
                y = (y.Linear(w) * 0.5).Softmax();
            return y;
        }
        long Measure(int layers)
        {
            Graph(layers).Realize().Dispose();
            long least = long.MaxValue;
            for (int i = 0; i < 5; i++)
            {
                var y = Graph(layers);
                long before = GC.GetAllocatedBytesForCurrentThread();
                y.Realize();
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
                y.Dispose();
            }
            return least;
        }
        var (small, large) = (Measure(2), Measure(60));
        Assert.InRange(large, 0, 2048);
        // Not a byte more for more kernels.
        Assert.InRange(large - small, -256, 256);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Drop()
    {
        var x = R(100, 100);
        _ = Deep(x, 3).ToArray();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private (Tensor Result, WeakReference Input) Realised()
    {
        var x = R(4, 4);
        return (Deep(x, 2).Realize(), new WeakReference(x));
    }

    // Softmax has no epilogue and a product no prologue, so that nothing fuses.
    private static Tensor Deep(Tensor x, int layers)
    {
        for (int i = 0; i < layers; i++)
            x = Tensor.MatMul(x.Softmax(), x);
        return x;
    }

    private Tensor R(params int[] shape)
    {
        var random = new Random(1);
        return Tensor.From([.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => (float)random.NextDouble())], shape, device);
    }
}
