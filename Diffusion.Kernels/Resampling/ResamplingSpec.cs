using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>How values between the samples are made.</summary>
public enum ResamplingMode
{
    /// <summary>The sample at floor(position·in/out) (torch's "nearest").</summary>
    Nearest,

    /// <summary>Linear in both directions.</summary>
    Bilinear,

    /// <summary>Cubic convolution with a = −0.75 (torch's "bicubic").</summary>
    Bicubic,
}

/// <summary>
/// Resizes images in channels-last memory as torch.nn.functional.interpolate does (edges repeat). With AntiAlias the
/// linear and cubic kernels widen when shrinking (a = −0.5 for cubic), as torch's antialias=True. Operands: X, Y.
/// </summary>
/// <param name="Mode">Which kernel.</param>
/// <param name="X">[N, H, W, C].</param>
/// <param name="Y">[N, OH, OW, C].</param>
public sealed record ResamplingSpec(ResamplingMode Mode, Layout X, Layout Y) : KernelSpec
{
    /// <summary>Corner samples of input and output coincide (linear and cubic only).</summary>
    public bool AlignCorners { get; init; }

    /// <summary>Widen the kernel when shrinking (linear and cubic only).</summary>
    public bool AntiAlias { get; init; }

    /// <summary>Output length / input length used for positions, (0,0) to take it from the shapes.</summary>
    public (double Y, double X) ScaleFactor { get; init; }

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "Resampling";
        Require(X.Rank == 4 && Y.Rank == 4 && X.Shape[0] == Y.Shape[0] && X.Shape[3] == Y.Shape[3], op, $"X is [N,H,W,C], Y [N,OH,OW,C]; got {X}, {Y}.");
        Require(Y.Count == 0 || (X.Shape[1] > 0 && X.Shape[2] > 0), op, $"an empty image can't be resized: {X} to {Y}.");
    }
}

/// <summary>How a window becomes one value.</summary>
public enum PoolingKind
{
    /// <summary>Mean over the window; padding counts as 0 and is counted (torch's default).</summary>
    Average,

    /// <summary>Largest; padding never wins.</summary>
    Maximum,
}

/// <summary>Pools windows of a channels-last image. Operands: X, Y.</summary>
/// <param name="Kind">Average or maximum.</param>
/// <param name="X">[N, H, W, C].</param>
/// <param name="Y">[N, OH, OW, C].</param>
/// <param name="Window">Rows and columns of a window; ≥ 1.</param>
/// <param name="Stride">Rows and columns between windows; ≥ 1.</param>
public sealed record PoolingSpec(PoolingKind Kind, Layout X, Layout Y, (int Y, int X) Window, (int Y, int X) Stride) : KernelSpec
{
    /// <summary>Rows and columns added on each side; at most half a window.</summary>
    public (int Y, int X) Padding { get; init; }

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "Pooling";
        Require(Window is { Y: >= 1, X: >= 1 } && Stride is { Y: >= 1, X: >= 1 } && Padding is { Y: >= 0, X: >= 0 }
            && Padding.Y * 2 <= Window.Y && Padding.X * 2 <= Window.X, op, $"window {Window}, stride {Stride}, padding {Padding} don't fit each other.");
        Require(X.Rank == 4 && Y.Rank == 4 && X.Shape[0] == Y.Shape[0] && X.Shape[3] == Y.Shape[3], op, $"X is [N,H,W,C], Y [N,OH,OW,C]; got {X}, {Y}.");
        int oh = ConvolutionSpec.OutputLength(X.Shape[1], Window.Y, Stride.Y, 2 * Padding.Y);
        int ow = ConvolutionSpec.OutputLength(X.Shape[2], Window.X, Stride.X, 2 * Padding.X);
        Require(Y.Shape[1] == oh && Y.Shape[2] == ow, op, $"Y must be {oh}×{ow}; got {Y}.");
    }
}
