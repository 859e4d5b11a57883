using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Attention shaped for an OpenCL device on the processor: one thread keeps 4 queries × up to 256 columns of the result in its
/// cache; K and V come in panels whose 16 columns lie side by side, for its vectors.
/// </summary>
internal static class ProcessorAttention
{
    public const int Queries = 4, Columns = 256;

    private const int Panel = GpuMatrix.ProcessorColumns;

    internal static void Run(AttentionParameters p)
    {
        var scores = SharedMemory.Allocate<float>(Queries * Panel);
        var result = SharedMemory.Allocate<float>(Queries * Columns);
        int chunk = Grid.IdxX % p.Chunks, rest = Grid.IdxX / p.Chunks;
        int firstQuery = rest % p.Blocks * Queries, z = rest / p.Blocks;
        int head = z % p.Heads, batch = z / p.Heads, last = p.Queries - 1;
        int firstColumn = chunk * Columns, panels = (Math.Min(Columns, p.ValueSize - firstColumn) + Panel - 1) / Panel;
        bool hides = p.Causal != 0 || p.Masked != 0;
        var q = p.Q.Words.Cast<float>();
        var k = p.K.Words.Cast<float>();
        var v = p.V.Words.Cast<float>();
        long q0 = ((long)z * p.Queries + firstQuery) * p.Size, q1 = ((long)z * p.Queries + Math.Min(firstQuery + 1, last)) * p.Size;
        long q2 = ((long)z * p.Queries + Math.Min(firstQuery + 2, last)) * p.Size, q3 = ((long)z * p.Queries + Math.Min(firstQuery + 3, last)) * p.Size;
        long keyPanels = (p.Keys + Panel - 1) / Panel, valuePanels = (p.ValueSize + Panel - 1) / Panel;
        for (int i = 0; i < Queries * Columns; i++)
            result[i] = 0f;
        float m0 = float.NegativeInfinity, m1 = m0, m2 = m0, m3 = m0, l0 = 0, l1 = 0, l2 = 0, l3 = 0;
        int keys = p.Causal != 0 ? Math.Min(p.Keys, firstQuery + Queries) : p.Keys;
        for (int first = 0; first < keys; first += Panel)
        {
            Row16 s0 = default, s1 = default, s2 = default, s3 = default;
            long at = (z * keyPanels + first / Panel) * p.Size * Panel;
            for (int d = 0; d < p.Size; d++)
            {
                var columns = Row16.Load(k, at);
                s0 = s0.Plus(q[q0 + d], columns);
                s1 = s1.Plus(q[q1 + d], columns);
                s2 = s2.Plus(q[q2 + d], columns);
                s3 = s3.Plus(q[q3 + d], columns);
                at += Panel;
            }
            s0.Store(scores, 0);
            s1.Store(scores, Panel);
            s2.Store(scores, 2 * Panel);
            s3.Store(scores, 3 * Panel);
            float n0 = m0, n1 = m1, n2 = m2, n3 = m3;
            for (int i = 0; i < Queries; i++)
            {
                float most = i == 0 ? m0 : i == 1 ? m1 : i == 2 ? m2 : m3, sum = 0f;
                for (int j = 0; j < Panel; j++)
                {
                    float score = p.Score(scores[i * Panel + j], batch, head, firstQuery + i, first + j);
                    scores[i * Panel + j] = score;
                    most = DeviceMath.Maximum(most, score);
                }
                for (int j = 0; j < Panel; j++)
                {
                    float score = scores[i * Panel + j];
                    float weight = score == float.NegativeInfinity ? 0f : DeviceMath.Exp(score - most);
                    scores[i * Panel + j] = weight;
                    sum += weight;
                }
                if (i == 0)
                    (n0, l0) = (most, l0 * Correction(m0, most) + sum);
                else if (i == 1)
                    (n1, l1) = (most, l1 * Correction(m1, most) + sum);
                else if (i == 2)
                    (n2, l2) = (most, l2 * Correction(m2, most) + sum);
                else
                    (n3, l3) = (most, l3 * Correction(m3, most) + sum);
            }
            float c0 = Correction(m0, n0), c1 = Correction(m1, n1), c2 = Correction(m2, n2), c3 = Correction(m3, n3);
            (m0, m1, m2, m3) = (n0, n1, n2, n3);
            int count = Math.Min(Panel, p.Keys - first);
            for (int panel = 0; panel < panels; panel++)
            {
                int to = panel * Panel;
                var o0 = Row16.Load(result, to).Times(c0);
                var o1 = Row16.Load(result, Columns + to).Times(c1);
                var o2 = Row16.Load(result, 2 * Columns + to).Times(c2);
                var o3 = Row16.Load(result, 3 * Columns + to).Times(c3);
                long from = ((z * valuePanels + firstColumn / Panel + panel) * p.Keys + first) * Panel;
                for (int j = 0; j < count; j++)
                {
                    var values = Row16.Load(v, from);
                    from += Panel;
                    if (hides)
                    {
                        o0 = o0.PlusUnlessZero(scores[j], values);
                        o1 = o1.PlusUnlessZero(scores[Panel + j], values);
                        o2 = o2.PlusUnlessZero(scores[2 * Panel + j], values);
                        o3 = o3.PlusUnlessZero(scores[3 * Panel + j], values);
                    }
                    else
                    {
                        o0 = o0.Plus(scores[j], values);
                        o1 = o1.Plus(scores[Panel + j], values);
                        o2 = o2.Plus(scores[2 * Panel + j], values);
                        o3 = o3.Plus(scores[3 * Panel + j], values);
                    }
                }
                o0.Store(result, to);
                o1.Store(result, Columns + to);
                o2.Store(result, 2 * Columns + to);
                o3.Store(result, 3 * Columns + to);
            }
        }
        for (int i = 0; i < Queries; i++)
        {
            float total = i == 0 ? l0 : i == 1 ? l1 : i == 2 ? l2 : l3;
            for (int j = 0; j < panels * Panel; j++)
            {
                if (firstQuery + i < p.Queries && firstColumn + j < p.ValueSize)
                    p.O.Store(p.O.Offset(batch, head, firstQuery + i, firstColumn + j), total == 0f ? 0f : result[i * Columns + j] / total);
            }
        }
    }

    private static float Correction(float before, float after) => before == float.NegativeInfinity ? 0f : DeviceMath.Exp(before - after);
}
