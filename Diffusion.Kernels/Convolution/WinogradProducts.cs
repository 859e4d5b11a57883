using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <content>The products of a block of tiles with some panels: with stored transformed weights, or with weights that are transformed late.</content>
internal sealed unsafe partial class Winograd
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(ref Job job, WinogradWeights weights, int count, float* packed, int panel, int n, float* products)
    {
        for (int w = 0; w < elementsOf.Length; w++)
        {
            float* b = (float*)job.Weights + w * weights.ElementFloats + panel * weights.PanelFloats;
            for (int k = 0; k < depth; k += depthStep)
            {
                int step = Math.Min(depthStep, depth - k);
                // After the last panel the first one's next round, or the next weight's.
                float* after = k + step < depth ? b + (long)(k + step) * Width : b + weights.ElementFloats;
                for (int p = 0; p < n; p++)
                {
                    float* panelWeights = b + p * weights.PanelFloats + (long)k * Width, next = p + 1 < n ? panelWeights + weights.PanelFloats : after;
                    foreach (int e in elementsOf[w])
                    {
                        float* a = packed + (long)e * block * depth + (long)k * unit, c = products + e * block * Width + p * panelProducts;
                        PanelProduct.MultiplyColumn(a, (long)depth * unit, panelWeights, step, count, c, Width, k > 0 ? c : null, Width, null, next);
                    }
                }
            }
        }
    }

    /// <summary>
    /// The same with weights that are transformed now: a row of elements of a few channels of some panels at once. Results of few tiles stay in the
    /// cache for a run of panels, which share each slice of channels.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyLate(ref Job job, int count, float* packed, int panel, int n, float* products)
    {
        int most = taps!.DepthStep;
        float** g = stackalloc float*[MaxSide];
        float* rows = products + productFloats + outputFloats, widened = rows + side * taps.RowFloats;
        int run = Math.Max(1, (int)(ResultFloats / ((long)elements * count * Width)) / side) * side;
        for (int first = 0; first < n; first += run)
        {
            for (int k = 0; k < depth; k += most)
            {
                int step = Math.Min(most, depth - k), end = Math.Min(first + run, n);
                for (int p = first; p < end; p += side)
                {
                    int together = Math.Min(side, end - p);
                    for (int i = 0; i < together; i++)
                        g[i] = taps.Load(job.Weights, panel + p + i, k, step, widened + i * taps.WidenedFloats);
                    int after = p + side < end ? p + side : first, then = p + side < end ? k : k + step;
                    float* a = packed + (long)elements * block * k, c = products + p * panelProducts;
                    for (int row = 0; row < edge; row++)
                    {
                        for (int i = 0; i < together; i++)
                            taps.Transform(g[i], row, step, rows + i * taps.RowFloats);
                        for (int e = 0; e < edge; e++, a += (long)block * step, c += block * Width)
                        {
                            for (int i = 0; i < together; i++)
                            {
                                float* b = rows + i * taps.RowFloats + e * taps.ElementFloats, to = c + i * panelProducts;
                                taps.Fetch(taps.At(job.Weights, panel + after + i, then), step, row * edge + e);
                                PanelProduct.MultiplyColumn(a, (long)step * unit, b, step, count, to, Width, k > 0 ? to : null, Width, null, b);
                            }
                        }
                    }
                }
            }
        }
    }

    /// <summary>The same with taps that are transformed in registers, for a row of elements of four tiles at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyInRows(ref Job job, int count, float* packed, int panel, int n, float* products)
    {
        int most = taps!.DepthStep, tileFloats = edge * unit, stride = block * Width;
        float* widened = products + productFloats + outputFloats;
        int run = Math.Max(1, (int)(RowsFloats / ((long)elements * count * Width)));
        int quads = (count + unit - 1) / unit;
        nint nextStep = taps.FetchStep(edge * quads);
        for (int first = 0; first < n; first += run)
        {
            int end = Math.Min(first + run, n);
            for (int k = 0; k < depth; k += most)
            {
                int step = Math.Min(most, depth - k);
                for (int p = first; p < end; p++)
                {
                    float* g = taps.Load(job.Weights, panel + p, k, step, widened), c = products + p * panelProducts;
                    // After the last panel of a run the first one's next channels, after those the next run.
                    byte* next = p + 1 < end || k + step == depth ? taps.At(job.Weights, panel + p + 1, p + 1 < end ? k : 0) : taps.At(job.Weights, panel + first, k + step);
                    for (int row = 0; row < edge; row++, c += edge * stride)
                    {
                        float* a = packed + (long)elements * block * k + (long)row * block * edge * step;
                        for (int i = 0; i < quads; i++, a += step * tileFloats, next += step * nextStep)
                        {
                            float* to = c + i * unit * Width;
                            WinogradRows.Multiply(row, a, g, step, to, stride, k > 0 ? to : null, next, nextStep);
                        }
                    }
                }
            }
        }
    }
}
