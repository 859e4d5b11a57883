namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="AttentionSpec"/> means. A query that sees no key gets 0.</summary>
internal static class ReferenceAttention
{
    public static void Run(AttentionSpec spec, in ReferenceArguments arguments)
    {
        var q = spec.Q;
        var scores = new double[spec.K.Shape[2]];
        for (int b = 0; b < q.Shape[0]; b++)
        {
            for (int h = 0; h < q.Shape[1]; h++)
            {
                for (int i = 0; i < q.Shape[2]; i++)
                    Row(spec, arguments, b, h, i, scores);
            }
        }
    }

    private static void Row(AttentionSpec spec, in ReferenceArguments arguments, int b, int h, int i, double[] scores)
    {
        var q = arguments[0];
        var k = arguments[1];
        var v = arguments[2];
        var o = arguments.Output;
        double largest = double.NegativeInfinity;
        for (int j = 0; j < scores.Length; j++)
        {
            double dot = 0;
            for (int d = 0; d < spec.Q.Shape[3]; d++)
                dot += q[b, h, i, d] * k[b, h, j, d];
            scores[j] = dot * spec.Scale + (spec.Mask.IsEmpty ? 0 : arguments[3][b, h, i, j]);
            if (spec.Causal && j > i)
                scores[j] = double.NegativeInfinity;
            largest = Math.Max(largest, scores[j]);
        }
        bool hidden = double.IsNegativeInfinity(largest);
        double total = 0;
        for (int j = 0; j < scores.Length; j++)
        {
            scores[j] = hidden ? 0 : Math.Exp(scores[j] - largest);
            total += scores[j];
        }
        for (int d = 0; d < spec.O.Shape[3]; d++)
        {
            double sum = 0;
            for (int j = 0; j < scores.Length; j++)
            {
                // A hidden key's value doesn't count, whatever it is.
                if (scores[j] != 0)
                    sum += scores[j] * v[b, h, j, d];
            }
            o[b, h, i, d] = hidden ? 0 : sum / total;
        }
    }
}
