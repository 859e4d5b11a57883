using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models;

/// <summary>How an autoencoder saves memory.</summary>
public sealed record VaeOptions
{
    /// <summary>Everything at once.</summary>
    public static VaeOptions Default { get; } = new();

    /// <summary>One picture after another.</summary>
    public bool Slicing { get; init; }

    /// <summary>In tiles that overlap.</summary>
    public VaeTiling Tiling { get; init; } = VaeTiling.None;

    /// <summary>These options with or without slicing.</summary>
    public VaeOptions WithSlicing(bool slicing) => this with { Slicing = slicing };

    /// <summary>These options with other tiles.</summary>
    public VaeOptions WithTiling(VaeTiling tiling) => this with { Tiling = tiling };

    internal Tensor PerPicture(Tensor x, Func<Tensor, Tensor> run) => Slicing && x.Shape[0] > 1
        ? Tensor.Concat(0, [.. Enumerable.Range(0, x.Shape[0]).Select(i => run(x.Slice(0, i, 1)))])
        : run(x);
}

/// <summary>Tiles for pictures that are too large to be encoded or decoded at once; seams are blended.</summary>
/// <param name="SampleSize">Rows and columns of a tile in pixels; 0 for no tiles.</param>
/// <param name="LatentSize">Rows and columns of a tile in latents.</param>
/// <param name="OverlapFactor">Part of a tile that overlaps the next, 0 … 1.</param>
public sealed record VaeTiling(int SampleSize, int LatentSize, double OverlapFactor = 0.25)
{
    /// <summary>No tiles.</summary>
    public static VaeTiling None { get; } = new(0, 0);

    /// <summary>Whether there are tiles.</summary>
    public bool IsEnabled => SampleSize > 0 && LatentSize > 0;

    /// <summary>Runs tiles of one size that become tiles of another, blends their edges and puts them together.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="inSize">Rows and columns of a tile in <paramref name="x"/>.</param>
    /// <param name="outSize">Rows and columns of a tile in the result.</param>
    /// <param name="run">What to do with a tile.</param>
    internal Tensor Run(Tensor x, int inSize, int outSize, Func<Tensor, Tensor> run)
    {
        int step = (int)(inSize * (1 - OverlapFactor)), blend = (int)(outSize * OverlapFactor), keep = outSize - blend;
        if (OverlapFactor is not (>= 0 and < 1) || step < 1 || keep < 1)
            throw new TensorShapeException($"VaeTiling: tiles of {inSize} and {outSize} can't overlap by {OverlapFactor}; expected 0 … 1 and a step of at least one element.");
        ImmutableArray<Tensor> above = [];
        var rows = new List<Tensor>();
        for (int y = 0; y < x.Shape[2]; y += step)
        {
            // Each tile is blended with its neighbours as they were after their own blending.
            var row = ImmutableArray.CreateBuilder<Tensor>();
            for (int left = 0, j = 0; left < x.Shape[3]; left += step, j++)
            {
                var tile = run(x.Slice(2, y, Math.Min(inSize, x.Shape[2] - y)).Slice(3, left, Math.Min(inSize, x.Shape[3] - left)));
                tile = above.IsEmpty ? tile : Blend(above[j], tile, 2, blend);
                row.Add(j == 0 ? tile : Blend(row[j - 1], tile, 3, blend));
            }
            above = row.ToImmutable();
            rows.Add(Tensor.Concat(3, [.. above.Select(tile => Cut(Cut(tile, 2, keep), 3, keep))]));
        }
        return Tensor.Concat(2, [.. rows]);
    }

    private static Tensor Cut(Tensor x, int axis, int length) => x.Slice(axis, 0, Math.Min(length, x.Shape[axis]));

    // The beginning of b goes over from the end of a, linearly.
    private static Tensor Blend(Tensor a, Tensor b, int axis, int extent)
    {
        extent = Math.Min(extent, Math.Min(a.Shape[axis], b.Shape[axis]));
        if (extent == 0)
            return b;
        var ramp = Tensor.From([.. Enumerable.Range(0, extent).Select(i => (float)((double)i / extent))], axis == 2 ? Shape.Of(extent, 1) : Shape.Of(extent), b.Device);
        var seam = a.Slice(axis, a.Shape[axis] - extent, extent) * (1 - ramp) + b.Slice(axis, 0, extent) * ramp;
        return extent == b.Shape[axis] ? seam : Tensor.Concat(axis, seam, b.Slice(axis, extent, b.Shape[axis] - extent));
    }
}
