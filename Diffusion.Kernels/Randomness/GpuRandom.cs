using ILGPU;
using ILGPU.Algorithms;

namespace Diffusion.Kernels.Gpu;

/// <summary>Philox numbers on a GPU: one a thread.</summary>
internal static class GpuRandom
{
    private const int Threads = 256;

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, RandomSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var parameters = new RandomParameters
        {
            Count = spec.Y.Count,
            Normal = spec.Kind == RandomKind.Normal ? 1 : 0,
            State = GpuContext.Operand(spec.State),
            Y = new GpuOperand { Type = (int)spec.Y.Type },
        };
        var kernel = context.Kernels.Get<RandomParameters>(Run);
        return new PreparedKernel(spec, "philox", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.State, arguments.Operands[0]);
            GpuContext.Bind(ref p.Y, arguments.Operands[1]);
            kernel.Launch((p.Count + Threads - 1) / Threads, Threads, in p);
        });
    }

    /// <summary>One number a thread; see <see cref="RandomSpec"/>.</summary>
    internal static void Run(RandomParameters p)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Count)
            return;
        ulong seed = (ulong)p.State.LoadInteger(0), block = (ulong)p.State.LoadInteger(1) >> 2;
        uint key0 = (uint)(seed & 0xffffffffUL), key1 = (uint)(seed >> 32);
        uint c0 = (uint)(block & 0xffffffffUL), c1 = (uint)(block >> 32), c2 = (uint)((ulong)i & 0xffffffffUL), c3 = (uint)((ulong)i >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)Philox.Multiplier0 * c0, p1 = (ulong)Philox.Multiplier1 * c2;
            uint n0 = (uint)(p1 >> 32) ^ c1 ^ key0, n2 = (uint)(p0 >> 32) ^ c3 ^ key1;
            c0 = n0;
            c1 = (uint)(p1 & 0xffffffffUL);
            c2 = n2;
            c3 = (uint)(p0 & 0xffffffffUL);
            key0 += Philox.Weyl0;
            key1 += Philox.Weyl1;
        }
        float uniform = c0 * 2.3283064365386963e-10f + 1.1641532182693481e-10f;
        if (p.Normal != 0)
        {
            float turn = c1 * 2.3283064365386963e-10f + 1.1641532182693481e-10f;
            p.Y.Store(i, DeviceMath.Sin(turn * 6.2831853071795865f) * XMath.Sqrt(-2f * DeviceMath.Log(uniform)));
            return;
        }
        float rounded = p.Y.Type == (int)ElementType.Float16 ? DeviceMath.FromHalf(DeviceMath.ToHalf(uniform))
            : p.Y.Type == (int)ElementType.BFloat16 ? DeviceMath.FromBFloat16(DeviceMath.ToBFloat16(uniform)) : uniform;
        p.Y.Store(i, rounded == 1f ? 0f : uniform);
    }
}

/// <summary>A launch of random numbers.</summary>
internal struct RandomParameters
{
    public long Count;
    public int Normal;
    public GpuOperand State, Y;
}
