using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>An attention launch.</summary>
internal struct AttentionParameters
{
    public int Heads, Queries, Keys, Size, ValueSize, Causal, Masked;

    /// <summary>Blocks of queries, and chunks of the values' columns; each pair is a group of threads, for each head of each batch.</summary>
    public int Blocks, Chunks;

    public float Scale;

    /// <summary>[batch, head, token, column]; packed panels of K and V on a processor.</summary>
    public GpuOperand Q, K, V, Mask, O;

    /// <summary>A score, scaled and masked; −∞ for a key that is hidden or missing.</summary>
    public readonly float Score(float dot, int batch, int head, int query, int key)
    {
        if (key >= Keys || query >= Queries || (Causal != 0 && key > query))
            return float.NegativeInfinity;
        float score = dot * Scale;
        return Masked == 0 ? score : score + Mask.Load(Mask.Offset(batch, head, query, key));
    }
}

/// <summary>
/// A GPU's kernel (FlashAttention, Dao et al. 2022): 64 threads keep 32 queries × 64 columns of the result in registers while blocks
/// of 64 keys pass. Wider values take several groups, each of which makes the scores again.
/// </summary>
internal static class GpuAttentionTile
{
    public const int Threads = 64, Queries = 32, Columns = 64;

    private const int Keys = 64, Depth = 16, Pitch = Keys + 1;

    internal static void Run(AttentionParameters p)
    {
        var a = SharedMemory.Allocate<float>(Depth * Queries);
        var b = SharedMemory.Allocate<float>(Depth * Keys);
        var scores = SharedMemory.Allocate<float>(Queries * Pitch);
        var partial = SharedMemory.Allocate<float>(Threads);
        var correction = SharedMemory.Allocate<float>(Queries);
        int t = Group.IdxX, tx = t % 8, ty = t / 8;
        int chunk = Grid.IdxX % p.Chunks, rest = Grid.IdxX / p.Chunks;
        int firstQuery = rest % p.Blocks * Queries, z = rest / p.Blocks;
        int head = z % p.Heads, batch = z / p.Heads;
        int row = t % Queries, half = t / Queries;
        bool hides = p.Causal != 0 || p.Masked != 0;
        // Of this thread's row: the largest score so far, and the sum of its half's weights.
        float largest = float.NegativeInfinity, total = 0f;
        Row8 o0 = default, o1 = default, o2 = default, o3 = default;
        int keys = p.Causal != 0 ? Math.Min(p.Keys, firstQuery + Queries) : p.Keys;
        for (int first = 0; first < keys; first += Keys)
        {
            Row8 s0 = default, s1 = default, s2 = default, s3 = default;
            for (int d = 0; d < p.Size; d += Depth)
            {
                Group.Barrier();
                int query = firstQuery + row, key = first + t;
                for (int i = half; i < Depth; i += 2)
                    a[i * Queries + row] = query < p.Queries && d + i < p.Size ? p.Q.Load(p.Q.Offset(batch, head, query, d + i)) : 0f;
                for (int i = 0; i < Depth; i++)
                    b[i * Keys + t] = key < p.Keys && d + i < p.Size ? p.K.Load(p.K.Offset(batch, head, key, d + i)) : 0f;
                Group.Barrier();
                for (int i = 0; i < Depth; i++)
                {
                    var columns = Row8.Load(b, i * Keys + tx, 8);
                    int at = i * Queries + ty;
                    s0 = s0.Plus(a[at], columns);
                    s1 = s1.Plus(a[at + 8], columns);
                    s2 = s2.Plus(a[at + 16], columns);
                    s3 = s3.Plus(a[at + 24], columns);
                }
            }
            Group.Barrier();
            s0.Store(scores, ty * Pitch + tx, 8);
            s1.Store(scores, (ty + 8) * Pitch + tx, 8);
            s2.Store(scores, (ty + 16) * Pitch + tx, 8);
            s3.Store(scores, (ty + 24) * Pitch + tx, 8);
            Group.Barrier();
            // Two threads a row: each scales and masks half of the scores and finds their largest.
            float most = float.NegativeInfinity;
            for (int i = 0; i < Keys / 2; i++)
            {
                int at = row * Pitch + half * (Keys / 2) + i;
                float score = p.Score(scores[at], batch, head, firstQuery + row, first + half * (Keys / 2) + i);
                scores[at] = score;
                most = DeviceMath.Maximum(most, score);
            }
            partial[t] = most;
            Group.Barrier();
            most = DeviceMath.Maximum(largest, DeviceMath.Maximum(partial[row], partial[row + Queries]));
            float shrink = largest == float.NegativeInfinity ? 0f : DeviceMath.Exp(largest - most);
            largest = most;
            total *= shrink;
            correction[row] = shrink;
            for (int i = 0; i < Keys / 2; i++)
            {
                int at = row * Pitch + half * (Keys / 2) + i;
                float weight = scores[at] == float.NegativeInfinity ? 0f : DeviceMath.Exp(scores[at] - most);
                scores[at] = weight;
                total += weight;
            }
            Group.Barrier();
            o0 = o0.Times(correction[ty]);
            o1 = o1.Times(correction[ty + 8]);
            o2 = o2.Times(correction[ty + 16]);
            o3 = o3.Times(correction[ty + 24]);
            int column = chunk * Columns + t;
            for (int k = 0; k < Keys; k += Depth)
            {
                Group.Barrier();
                for (int i = 0; i < Depth; i++)
                {
                    int key = first + k + i;
                    b[i * Columns + t] = key < p.Keys && column < p.ValueSize ? p.V.Load(p.V.Offset(batch, head, key, column)) : 0f;
                }
                Group.Barrier();
                for (int i = 0; i < Depth; i++)
                {
                    var values = Row8.Load(b, i * Columns + tx, 8);
                    int at = ty * Pitch + k + i;
                    if (hides)
                    {
                        o0 = o0.PlusUnlessZero(scores[at], values);
                        o1 = o1.PlusUnlessZero(scores[at + 8 * Pitch], values);
                        o2 = o2.PlusUnlessZero(scores[at + 16 * Pitch], values);
                        o3 = o3.PlusUnlessZero(scores[at + 24 * Pitch], values);
                    }
                    else
                    {
                        o0 = o0.Plus(scores[at], values);
                        o1 = o1.Plus(scores[at + 8 * Pitch], values);
                        o2 = o2.Plus(scores[at + 16 * Pitch], values);
                        o3 = o3.Plus(scores[at + 24 * Pitch], values);
                    }
                }
            }
        }
        partial[t] = total;
        Group.Barrier();
        o0.Store(scores, ty * Pitch + tx, 8);
        o1.Store(scores, (ty + 8) * Pitch + tx, 8);
        o2.Store(scores, (ty + 16) * Pitch + tx, 8);
        o3.Store(scores, (ty + 24) * Pitch + tx, 8);
        Group.Barrier();
        int output = chunk * Columns + t;
        for (int i = 0; i < Queries; i++)
        {
            int query = firstQuery + i;
            float weights = partial[i] + partial[i + Queries];
            if (query < p.Queries && output < p.ValueSize)
                p.O.Store(p.O.Offset(batch, head, query, output), weights == 0f ? 0f : scores[i * Pitch + t] / weights);
        }
    }
}
