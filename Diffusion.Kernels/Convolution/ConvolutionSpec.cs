using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// A 2-D cross-correlation (what the field calls convolution) over channels-last memory:
/// Y[n,y,x,o] = epilogue(Σ_{i,j,c} X̃[n, y·StrideY − PadTop + i·DilationY, x·StrideX − PadLeft + j·DilationX, g·Cg + c]·W[o,c,i,j]),
/// where X̃ is X repeated <see cref="Upsample"/> times along height and width (nearest), or X with
/// <see cref="InputDilation"/>−1 zeros between its rows and columns (that makes a transposed convolution), and 0 outside;
/// g is o's group. Operands in launch order: X, W, the epilogue's inputs, Y. One-dimensional: height 1.
/// </summary>
/// <param name="X">[N, H, W, C], any strides (a stride of 1 along C is the fast case).</param>
/// <param name="W">[O, C/Groups, KH, KW], any strides: the checkpoint's layout.</param>
/// <param name="Y">[N, OH, OW, O].</param>
public sealed record ConvolutionSpec(Layout X, Layout W, Layout Y) : KernelSpec
{
    /// <summary>Rows and columns to advance for one output row and column; ≥ 1.</summary>
    public (int Y, int X) Stride { get; init; } = (1, 1);

    /// <summary>Rows and columns of zeros around the (upsampled or dilated) input; ≥ 0.</summary>
    public (int Top, int Bottom, int Left, int Right) Padding { get; init; }

    /// <summary>Distance between the kernel's taps; ≥ 1.</summary>
    public (int Y, int X) Dilation { get; init; } = (1, 1);

    /// <summary>Distance between the input's elements once spread out with zeros; 1 = not spread.</summary>
    public (int Y, int X) InputDilation { get; init; } = (1, 1);

    /// <summary>How many times each input row and column is repeated first; 1 = not.</summary>
    public int Upsample { get; init; } = 1;

    /// <summary>Channel groups; C and O are multiples of it.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>W never changes: the backend may ask for it packed.</summary>
    public bool ConstantW { get; init; }

    /// <summary>Refuse algorithms that trade exactness for speed (Winograd).</summary>
    public bool Exact { get; init; }

    /// <summary>What happens to the result before it is stored.</summary>
    public Epilogue After { get; init; } = Epilogue.None;

    /// <inheritdoc/>
    public override Epilogue Epilogue => After;

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, W, .. After.Inputs, Y];

    /// <inheritdoc/>
    public override double Flops => 2.0 * Y.Count * W.Shape[1] * W.Shape[2] * W.Shape[3];

    /// <summary>The output's length along one axis.</summary>
    /// <param name="length">The input's length.</param>
    /// <param name="kernel">Taps.</param>
    /// <param name="stride">Stride.</param>
    /// <param name="padding">Padding on both sides together.</param>
    /// <param name="dilation">Distance between taps.</param>
    /// <param name="inputDilation">Distance between the input's elements.</param>
    /// <param name="upsample">Repetitions of each input element.</param>
    public static int OutputLength(int length, int kernel, int stride, int padding, int dilation = 1, int inputDilation = 1, int upsample = 1)
    {
        long spread = length == 0 ? 0 : ((long)length * upsample - 1) * inputDilation + 1;
        long room = spread + padding - ((long)dilation * (kernel - 1) + 1);
        return room < 0 ? 0 : checked((int)(room / stride + 1));
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "Convolution";
        Require(X.Rank == 4 && W.Rank == 4 && Y.Rank == 4, op, $"operands are X [N,H,W,C], W [O,C/groups,KH,KW], Y [N,OH,OW,O]; got {X}, {W}, {Y}.");
        Require(Stride.Y >= 1 && Stride.X >= 1 && Dilation.Y >= 1 && Dilation.X >= 1 && InputDilation.Y >= 1 && InputDilation.X >= 1 && Upsample >= 1 && Groups >= 1,
            op, $"strides, dilations, upsampling and groups are at least 1; got {Stride}, {Dilation}, {InputDilation}, {Upsample}, {Groups}.");
        Require(Padding is { Top: >= 0, Bottom: >= 0, Left: >= 0, Right: >= 0 }, op, $"padding is at least 0; got {Padding}.");
        Require(Upsample == 1 || InputDilation == (1, 1), op, "either upsample or dilate the input, not both.");
        Require(W.Shape[2] >= 1 && W.Shape[3] >= 1, op, $"the kernel has no taps: {W}.");
        Require(X.Shape[3] == W.Shape[1] * Groups, op, $"X has {X.Shape[3]} channels, W {W} with {Groups} groups expects {W.Shape[1] * Groups}.");
        Require(W.Shape[0] % Groups == 0, op, $"{W.Shape[0]} output channels don't divide into {Groups} groups.");
        int oh = OutputLength(X.Shape[1], W.Shape[2], Stride.Y, Padding.Top + Padding.Bottom, Dilation.Y, InputDilation.Y, Upsample);
        int ow = OutputLength(X.Shape[2], W.Shape[3], Stride.X, Padding.Left + Padding.Right, Dilation.X, InputDilation.X, Upsample);
        Require(Y.Shape[0] == X.Shape[0] && Y.Shape[1] == oh && Y.Shape[2] == ow && Y.Shape[3] == W.Shape[0], op,
            $"Y must be [{X.Shape[0]}, {oh}, {ow}, {W.Shape[0]}]; got {Y}.");
        After.Program.Validate(op);
        RequireEpilogue(After, Y, 1, op);
    }
}
