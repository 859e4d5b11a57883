namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="GemmSpec"/> means.</summary>
internal static class ReferenceGemm
{
    public static void Run(GemmSpec spec, in ReferenceArguments arguments)
    {
        var a = arguments[0];
        var b = arguments[1];
        int batch = spec.C.Shape[0], m = spec.C.Shape[1], n = spec.C.Shape[2], k = spec.A.Shape[2];
        for (int s = 0; s < batch; s++)
        {
            for (int row = 0; row < m; row++)
            {
                for (int column = 0; column < n; column++)
                {
                    double first = 0, second = 0;
                    for (int i = 0; i < k; i++)
                    {
                        first += a[s, row, i] * b[s, i, column];
                        if (spec.Paired)
                            second += a[s, row, i] * b[s, i, column + n];
                    }
                    arguments.Store(((long)s * m + row) * n + column, first, second);
                }
            }
        }
    }
}
