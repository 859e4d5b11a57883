using Diffusion.Core.Tensors.Graph;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>
/// Both gradients of a convolution are convolutions: by the input, of the spread-out cotangent with the reversed kernel; by the
/// weight, of the input with the cotangent as kernel (stride and dilation change places).
/// </summary>
internal static class ConvolutionRules
{
    public static Tensor?[] Pull(ConvolutionOp op, Tensor x, Tensor w, Tensor g) => [ByInput(op, x, w, g), ByWeight(op, x, w, g)];

    private static Tensor ByInput(ConvolutionOp op, Tensor x, Tensor w, Tensor g)
    {
        int groups = op.Groups, outputs = w.Shape[0] / groups, inputs = w.Shape[1], kh = w.Shape[2], kw = w.Shape[3];
        var reversed = w.Reshape(groups, outputs, inputs, kh, kw).Permute(0, 2, 1, 3, 4).Reshape(groups * inputs, outputs, kh, kw).Flip(2).Flip(3);
        var (top, bottom) = Padding(x.Shape[2], g.Shape[2], kh, op.Stride.Y, op.Padding.Top, op.Dilation.Y, op.InputDilation.Y);
        var (left, right) = Padding(x.Shape[3], g.Shape[3], kw, op.Stride.X, op.Padding.Left, op.Dilation.X, op.InputDilation.X);
        return g.Convolution(reversed, null, new ConvolutionOptions
        {
            Stride = op.InputDilation,
            Padding = (top, bottom, left, right),
            Dilation = op.Dilation,
            InputDilation = op.Stride,
            Groups = groups,
        });
    }

    private static (int Before, int After) Padding(int length, int outputs, int kernel, int stride, int padding, int dilation, int inputDilation)
    {
        int spread = (length - 1) * inputDilation + 1, reach = dilation * (kernel - 1);
        int before = reach - padding, after = spread - 1 - (outputs - 1) * stride + padding;
        return before >= 0 && after >= 0 ? (before, after)
            : throw new NotSupportedException($"Gradient: a convolution with padding {padding} beyond its kernel's reach {reach} has no rule; pad the input with Pad first.");
    }

    private static Tensor ByWeight(ConvolutionOp op, Tensor x, Tensor w, Tensor g)
    {
        int groups = op.Groups, outputs = w.Shape[0] / groups, inputs = w.Shape[1];
        var parts = new Tensor[groups];
        for (int i = 0; i < groups; i++)
        {
            // Channels become the batch, the batch is summed over like channels.
            var input = x.Slice(1, i * inputs, inputs).Transpose(0, 1);
            var kernel = g.Slice(1, i * outputs, outputs).Transpose(0, 1);
            var part = input.Convolution(kernel, null, new ConvolutionOptions
            {
                Stride = op.Dilation,
                Padding = op.Padding,
                Dilation = op.Stride,
                InputDilation = op.InputDilation,
            });
            parts[i] = part.Slice(2, 0, w.Shape[2]).Slice(3, 0, w.Shape[3]).Transpose(0, 1);
        }
        return Tensor.Concat(0, parts);
    }
}
