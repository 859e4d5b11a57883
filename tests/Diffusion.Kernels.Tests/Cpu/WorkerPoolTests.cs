using System.Runtime.CompilerServices;
using Diffusion.Kernels.Cpu;

namespace Diffusion.Kernels.Tests.Cpu;

/// <summary>The pool runs every task once, also nested, from several callers, and when one fails.</summary>
public sealed unsafe class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_task_runs_once(int threads)
    {
        using var pool = new WorkerPool(threads);
        int* counts = stackalloc int[1000];
        for (int round = 1; round <= 50; round++)
        {
            pool.Run(1000, counts, &Count);
            for (int i = 0; i < 1000; i++)
                Assert.Equal(round, counts[i]);
        }
    }

    [Fact]
    public void Thread_numbers_are_exclusive()
    {
        using var pool = new WorkerPool(3);
        int* state = stackalloc int[4];
        pool.Run(200, state, &Exclusive);
        Assert.Equal(0, state[3]);
    }

    [Fact]
    public void Nested_runs_work_in_place()
    {
        using var pool = new WorkerPool(3);
        var nested = new Nested { Pool = pool };
        pool.Run(20, Unsafe.AsPointer(ref nested), &RunNested);
        Assert.Equal(20 * 10, nested.Sum);
    }

    [Fact]
    public void Callers_take_turns()
    {
        using var pool = new WorkerPool(2);
        var sums = new int[4];
        var callers = Enumerable.Range(0, 4).Select(i => new Thread(() =>
        {
            int count = 0;
            for (int round = 0; round < 200; round++)
                pool.Run(7, &count, &Add);
            sums[i] = count;
        })).ToArray();
        foreach (var caller in callers)
            caller.Start();
        foreach (var caller in callers)
            caller.Join();
        Assert.All(sums, sum => Assert.Equal(1400, sum));
    }

    [Fact]
    public void A_failure_is_thrown_by_Run_and_the_pool_lives_on()
    {
        using var pool = new WorkerPool(3);
        for (int round = 0; round < 20; round++)
            Assert.Throws<InvalidOperationException>(() => pool.Run(50, null, &Fail));
        int count = 0;
        pool.Run(50, &count, &Add);
        Assert.Equal(50, count);
    }

    [Fact]
    public void A_disposed_pool_leaves_the_work_to_its_caller()
    {
        var pool = new WorkerPool(2);
        pool.Dispose();
        pool.Dispose();
        int count = 0;
        pool.Run(9, &count, &Add);
        Assert.Equal(9, count);
    }

    private static void Count(void* state, int task, int thread) => Interlocked.Increment(ref ((int*)state)[task]);

    private static void Add(void* state, int task, int thread) => Interlocked.Increment(ref *(int*)state);

    private static void Exclusive(void* state, int task, int thread)
    {
        int* busy = (int*)state;
        if (Interlocked.Increment(ref busy[thread]) != 1)
            busy[3] = 1;
        Thread.SpinWait(500);
        Interlocked.Decrement(ref busy[thread]);
    }

    private static void RunNested(void* state, int task, int thread)
    {
        ref var nested = ref Unsafe.AsRef<Nested>(state);
        nested.Pool.Run(10, Unsafe.AsPointer(ref nested.Sum), &Add);
    }

    private static void Fail(void* state, int task, int thread)
    {
        if (task % 10 == 3)
            throw new InvalidOperationException();
    }

    private struct Nested
    {
        public WorkerPool Pool;
        public int Sum;
    }
}
