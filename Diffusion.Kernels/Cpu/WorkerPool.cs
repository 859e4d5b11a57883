using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Threads that run numbered tasks together with the caller. Each begins with a share of its own, a run of neighbouring tasks, and
/// then helps others with theirs: launches that are repeated find their data in the same core's cache, and threads that are equally
/// fast do equally much. Handing out work allocates nothing. Callers on several threads take turns; a task that calls Run itself runs
/// the inner tasks in place.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    // state = generation << 32 | open << 31 | workers inside. A worker enters by a compare-exchange while the job is
    // open; the caller closes the job and waits for those inside only, so a worker that was never scheduled costs nothing.
    private const long Open = 1L << 31;
    private const long Inside = Open - 1;
    private const int SpinRounds = 64;
    private const double MinSharedFlops = 1e6;

    [ThreadStatic]
    private static WorkerPool? current;

    [ThreadStatic]
    private static int currentThread;

    private readonly Lock gate = new();
    private readonly Thread[] threads;
    private readonly SemaphoreSlim[] wake;
    private readonly int[] sleeping;
    private readonly SemaphoreSlim finished = new(0);
    private delegate*<void*, int, int, void> body;
    private void* argument;
    private readonly Share[] shares;
    private int sharing;
    private int waiting;
    private long state;
    private volatile bool stopped;
    private ExceptionDispatchInfo? failure;

    /// <summary>Starts the workers.</summary>
    /// <param name="threads">Threads in all, the caller included; ≥ 1.</param>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        this.threads = new Thread[threads - 1];
        wake = new SemaphoreSlim[threads - 1];
        shares = new Share[threads];
        sleeping = new int[threads - 1];
        for (int i = 0; i < this.threads.Length; i++)
        {
            int index = i;
            wake[i] = new SemaphoreSlim(0);
            this.threads[i] = new Thread(() => Work(index)) { IsBackground = true, Name = $"Diffusion kernels {i + 1}" };
            this.threads[i].Start();
        }
    }

    /// <summary>Threads in all, the caller included.</summary>
    public int Threads => threads.Length + 1;

    /// <summary>
    /// Calls <paramref name="task"/> with (state, number, thread) for each number below <paramref name="count"/>, in any order
    /// and on any thread; returns when all are done. No two tasks run with the same thread number at once. The first exception
    /// of a task is thrown again here; tasks that had not begun by then don't run.
    /// </summary>
    public void Run(int count, void* jobState, delegate*<void*, int, int, void> task)
    {
        if (count <= 0)
            return;
        if (current == this)
        {
            int thread = currentThread;
            for (int i = 0; i < count; i++)
                task(jobState, i, thread);
            return;
        }
        lock (gate)
        {
            var outer = current;
            int outerThread = currentThread;
            current = this;
            currentThread = 0;
            try
            {
                if (count == 1 || threads.Length == 0 || stopped)
                {
                    for (int i = 0; i < count; i++)
                        task(jobState, i, 0);
                }
                else
                {
                    RunShared(count, jobState, task);
                }
            }
            finally
            {
                current = outer;
                currentThread = outerThread;
            }
        }
    }

    /// <summary>As the other, by the caller alone where waking others costs more than it saves.</summary>
    /// <param name="count">Number of tasks.</param>
    /// <param name="jobState">Passed to the tasks.</param>
    /// <param name="task">The task.</param>
    /// <param name="flops">Floating-point operations in all, roughly.</param>
    public void Run(int count, void* jobState, delegate*<void*, int, int, void> task, double flops)
    {
        if (flops >= MinSharedFlops)
        {
            Run(count, jobState, task);
            return;
        }
        for (int i = 0; i < count; i++)
            task(jobState, i, 0);
    }

    /// <summary>Ends the workers. Later runs are done by their caller alone.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (stopped)
                return;
            stopped = true;
            foreach (var semaphore in wake)
                semaphore.Release();
        }
        foreach (var thread in threads)
            thread.Join();
        foreach (var semaphore in wake)
            semaphore.Dispose();
        finished.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunShared(int count, void* jobState, delegate*<void*, int, int, void> task)
    {
        body = task;
        argument = jobState;
        failure = null;
        int helpers = Math.Min(threads.Length, count - 1);
        sharing = helpers + 1;
        for (int i = 0; i < sharing; i++)
        {
            shares[i].Next = (int)((long)count * i / sharing);
            shares[i].End = (int)((long)count * (i + 1) / sharing);
        }
        Interlocked.Exchange(ref state, (((state >> 32) + 1) << 32) | Open);
        for (int i = 0; i < helpers; i++)
        {
            if (Volatile.Read(ref sleeping[i]) != 0 && Interlocked.Exchange(ref sleeping[i], 0) != 0)
                wake[i].Release();
        }
        Drain(0);
        if ((Interlocked.And(ref state, ~Open) & Inside) != 0)
            WaitForOthers();
        body = null;
        argument = null;
        failure?.Throw();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WaitForOthers()
    {
        for (int i = 0; i < SpinRounds; i++)
        {
            if ((Volatile.Read(ref state) & Inside) == 0)
                return;
            Thread.SpinWait(20);
        }
        while (true)
        {
            Interlocked.Exchange(ref waiting, 1);
            if ((Volatile.Read(ref state) & Inside) == 0)
            {
                // Whoever takes the flag back decides: a worker that took it releases the semaphore.
                if (Interlocked.Exchange(ref waiting, 0) == 0)
                    finished.Wait();
                return;
            }
            // May be woken by a worker late from an earlier job, hence the loop.
            finished.Wait();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Drain(int thread)
    {
        try
        {
            for (int i = 0; i < sharing; i++)
            {
                ref var share = ref shares[(thread + i) % sharing];
                while (Volatile.Read(ref share.Next) < share.End)
                {
                    int task = Interlocked.Increment(ref share.Next) - 1;
                    if (task < share.End)
                        body(argument, task, thread);
                }
            }
        }
#pragma warning disable CA1031 // whatever a task throws is thrown again on the caller's thread
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(exception), null);
            for (int i = 0; i < sharing; i++)
                Interlocked.Exchange(ref shares[i].Next, shares[i].End);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Work(int index)
    {
        current = this;
        currentThread = index + 1;
        long seen = 0;
        while (!stopped)
        {
            if (TryEnter(ref seen))
            {
                Drain(index + 1);
                long left = Interlocked.Decrement(ref state);
                if ((left & (Open | Inside)) == 0 && Interlocked.Exchange(ref waiting, 0) != 0)
                    finished.Release();
                continue;
            }
            if (!SpinForWork(seen))
                Sleep(index, seen);
        }
    }

    private bool HasWork(long seen)
    {
        long now = Volatile.Read(ref state);
        return (now & Open) != 0 && now >> 32 != seen;
    }

    private bool TryEnter(ref long seen)
    {
        long now = Volatile.Read(ref state);
        while ((now & Open) != 0 && now >> 32 != seen)
        {
            long before = Interlocked.CompareExchange(ref state, now + 1, now);
            if (before == now)
            {
                seen = now >> 32;
                return true;
            }
            now = before;
        }
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool SpinForWork(long seen)
    {
        for (int i = 0; i < SpinRounds; i++)
        {
            if (stopped || HasWork(seen))
                return true;
            Thread.SpinWait(20);
        }
        return false;
    }

    private void Sleep(int index, long seen)
    {
        Interlocked.Exchange(ref sleeping[index], 1);
        if ((HasWork(seen) || stopped) && Interlocked.Exchange(ref sleeping[index], 0) != 0)
            return;
        wake[index].Wait();
    }

    /// <summary>Neighbouring tasks, in cache lines of their own: a processor may fetch two at once.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Share
    {
        public int Next;
        public int End;
    }
}
