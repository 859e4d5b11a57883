using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>Random numbers by a counter, a tile at a time.</summary>
internal sealed unsafe class CpuRandom
{
    private const int Tile = 512;

    private readonly RandomSpec spec;
    private readonly CpuContext context;
    private readonly long count;
    private readonly int tiles;

    private CpuRandom(CpuContext context, RandomSpec spec)
    {
        this.context = context;
        this.spec = spec;
        count = spec.Y.Count;
        tiles = checked((int)((count + Tile - 1) / Tile));
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, RandomSpec spec) => spec.Y.Count == 0
        ? new PreparedKernel(spec, "empty", 0, [], static (in _) => { })
        : new PreparedKernel(spec, "philox", 0, [], new CpuRandom(context, spec).Launch);

    private void Launch(in KernelArguments arguments)
    {
        ulong* state = (ulong*)arguments.Operands[0].Address;
        var job = new Job { Owner = this, Seed = state[0], Offset = state[1], Target = (byte*)arguments.Operands[1].Address };
        // A number takes about as long as a hundred additions.
        context.Pool.Run(tiles, Unsafe.AsPointer(ref job), &Run, 100.0 * count);
    }

    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var spec = job.Owner.spec;
        long first = (long)task * Tile;
        int n = (int)Math.Min(Tile, job.Owner.count - first);
        uint* words = stackalloc uint[2 * Tile];
        float* values = stackalloc float[Tile];
        Words(job.Seed, (ulong)first, job.Offset, n, words, words + Tile);
        if (spec.Kind == RandomKind.Normal)
            Normal(words, words + Tile, values, n);
        else
            Uniform(words, values, n);
        byte* target = job.Target + first * spec.Y.Type.Size();
        CpuConvert.Store(spec.Y.Type, values, target, 1, n);
        if (spec.Kind == RandomKind.Uniform)
            KeepBelowOne(spec.Y.Type, target, n);
    }

    private static void Words(ulong seed, ulong first, ulong offset, int n, uint* x0, uint* x1)
    {
        int i = 0;
        if (Avx2.IsSupported)
            i = Words4(seed, first, offset, n, x0, x1);
        for (; i < n; i++)
            (x0[i], x1[i], _, _) = Philox.Words(seed, first + (ulong)i, offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Words4(ulong seed, ulong first, ulong offset, int n, uint* x0, uint* x1)
    {
        int i = 0;
        var even = Vector256.Create(0u, 2, 4, 6, 0, 2, 4, 6);
        for (; i <= n - 4; i += 4)
        {
            var (a, b) = Philox.FirstWords(seed, first + (ulong)i, offset);
            Vector256.Shuffle(a.AsUInt32(), even).GetLower().Store(x0 + i);
            Vector256.Shuffle(b.AsUInt32(), even).GetLower().Store(x1 + i);
        }
        return i;
    }

    /// <summary>x·2⁻³² + 2⁻³³: neither 0 nor above 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Uniform(uint* words, float* values, int n)
    {
        int i = 0;
        for (; i <= n - Vector<uint>.Count; i += Vector<uint>.Count)
            Vector.Store(Fraction(Vector.ConvertToSingle(Vector.Load(words + i))), values + i);
        for (; i < n; i++)
            values[i] = words[i] * (1f / 4294967296) + 1f / 8589934592;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normal(uint* x0, uint* x1, float* values, int n)
    {
        // Tiles have room beyond n, so whole vectors will do.
        for (int i = 0; i < n; i += Vector<uint>.Count)
        {
            var u = Fraction(Vector.ConvertToSingle(Vector.Load(x0 + i)));
            var v = (Vector.ConvertToSingle(Vector.Load(x1 + i)) + new Vector<float>(0.5f)) * new Vector<float>(2 * MathF.PI / 4294967296);
            var radius = Vector.SquareRoot(new Vector<float>(-2f) * VectorMath.Log(u));
            Vector.Store(VectorMath.Sin(v) * radius, values + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Fraction(Vector<float> x) => x * new Vector<float>(1f / 4294967296) + new Vector<float>(1f / 8589934592);

    private static void KeepBelowOne(ElementType type, byte* target, int n)
    {
        int size = type.Size();
        for (int i = 0; i < n; i++)
        {
            if (CpuConvert.LoadOne(type, target + (long)i * size) >= 1)
                CpuConvert.StoreOne(type, 0, target + (long)i * size);
        }
    }

    private struct Job
    {
        public CpuRandom Owner;
        public ulong Seed, Offset;
        public byte* Target;
    }
}
