using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Devices;

public sealed class ConcurrencyTests : IDisposable
{
    private readonly Device device = new(CpuBackend.Create(2));

    public void Dispose() => device.Dispose();

    [Fact]
    public void Many_threads_realise_graphs_that_share_parts()
    {
        var x = R(16, 16);
        var expected = Tail(Shared(x), 3).ToArray();
        for (int round = 0; round < 20; round++)
        {
            var shared = Shared(x);
            Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
            {
                if (i % 3 == 0)
                    shared.Realize();
                Assert.Equal(expected, Tail(shared, 3).ToArray());
            });
        }
    }

    [Fact]
    public void Disposing_meanwhile_is_an_error_or_harmless_never_a_wrong_number()
    {
        var source = Enumerable.Range(0, 4096).Select(i => (float)i).ToArray();
        var expected = source.Select(v => v + 1).ToArray();
        for (int round = 0; round < 100; round++)
        {
            var x = Tensor.From(source, [64, 64], device);
            var y = x.Transpose().Contiguous().Transpose() + 1;
            Parallel.Invoke(
                () =>
                {
                    try
                    {
                        Assert.Equal(expected, y.ToArray());
                    }
                    catch (ObjectDisposedException)
                    {
                        Assert.False(y.IsRealized);
                    }
                },
                () =>
                {
                    x.Dispose();
                    // Gets the memory again, if it was given back too early.
                    using var other = Tensor.Full(-1, [64, 64], device: device).Contiguous().Realize();
                    using var uploaded = Tensor.From(new float[4096], [64, 64], device);
                });
        }
    }

    [Fact]
    public void A_tensor_disposed_during_a_kernel_that_reads_it_stays_readable_for_it()
    {
        var pending = new Queue<Tensor>();
        using var hooked = new Device(new HookedBackend(CpuBackend.Create(1), _ =>
        {
            while (pending.TryDequeue(out var tensor))
                tensor.Dispose();
        }));
        var x = Tensor.From([1f, 2, 3, 4], [2, 2], hooked);
        var y = Tensor.MatMul(x.Softmax(), x);
        var view = x.Transpose();
        pending.Enqueue(x);
        Tensor.Realize([y, view]);
        Assert.Throws<ObjectDisposedException>(() => x.ToArray());
        Assert.Equal([1f, 3, 2, 4], view.ToArray());
        double p = 1 / (1 + Math.E);
        Assert.Equal(1 * p + 3 * (1 - p), y.ToDoubles()[0], 1e-5);
        view.Dispose();
        y.Dispose();
        Assert.Equal(0, hooked.LiveBytes);
    }

    [Fact]
    public void Results_that_share_memory_are_disposed_by_anybody_at_any_time()
    {
        for (int round = 0; round < 50; round++)
        {
            var x = R(8, 8);
            var y = x.Exp();
            var view = y.Transpose();
            Parallel.Invoke(
                () => Tensor.Realize([y, view]),
                () =>
                {
                    SpinWait.SpinUntil(() => y.IsRealized, TimeSpan.FromSeconds(20));
                    y.Dispose();
                });
            Assert.Equal(64, view.ToArray().Length);
            view.Dispose();
            x.Dispose();
        }
        Assert.Equal(0, device.LiveBytes);
    }

    [Fact]
    public void Nothing_is_lost_when_many_threads_make_and_drop_tensors()
    {
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            using var x = R(8 + i % 7, 8);
            using var y = x.Softmax().Realize();
            using var z = (y * i).Transpose().Realize();
            Assert.Equal(i, z.Sum(0).ToArray()[0], 1e-3f * Math.Max(1, i));
            if (i % 20 == 0)
                device.Trim();
        });
        for (int i = 0; i < 20 && device.LiveBytes > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.Equal(0, device.LiveBytes);
    }

    private static Tensor Shared(Tensor x) => Tensor.MatMul(x.Softmax(), x).Softmax();

    private static Tensor Tail(Tensor shared, int layers)
    {
        var y = shared;
        for (int i = 0; i < layers; i++)
            y = Tensor.MatMul(y, shared) + shared;
        return y;
    }

    private Tensor R(params int[] shape)
    {
        var random = new Random(1);
        return Tensor.From([.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => (float)random.NextDouble())], shape, device);
    }
}
