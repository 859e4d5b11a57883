namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="RandomSpec"/> means.</summary>
internal static class ReferenceRandom
{
    public static void Run(RandomSpec spec, in ReferenceArguments arguments)
    {
        var y = arguments.Output;
        ulong seed = (ulong)arguments[0].ReadInteger(0), offset = (ulong)arguments[0].ReadInteger(1);
        long count = spec.Y.Count;
        for (long i = 0; i < count; i++)
        {
            var (x0, x1, _, _) = Philox.Words(seed, (ulong)i, offset);
            float u = (float)x0 * (1f / 4294967296) + 1f / 8589934592;
            if (spec.Kind == RandomKind.Uniform)
            {
                y.Write(i, u);
                if (y.Read(i) == 1)
                    y.Write(i, 0);
            }
            else
            {
                y.Write(i, Math.Sin(2 * Math.PI * ((float)x1 + 0.5) / 4294967296) * Math.Sqrt(-2 * Math.Log(u)));
            }
        }
    }
}
