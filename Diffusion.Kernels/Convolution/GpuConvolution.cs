using Diffusion.Kernels.Convolution;

namespace Diffusion.Kernels.Gpu;

/// <summary>Convolutions on a GPU: on tensor cores where it has them, else by Winograd's transform where that saves work, else as a gathered product.</summary>
internal static class GpuConvolution
{
    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, ConvolutionSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (!GpuEpilogue.Fits(spec.After))
            return GpuComposite.Prepare(context, spec, 1);
        if (CudaConvolution.Supports(context, spec))
            return CudaConvolution.Prepare(context, spec);
        return GpuWinograd.TileFor(spec) is > 0 and var tile ? GpuWinograd.Prepare(context, spec, tile) : Gathered(context, spec);
    }

    private static PreparedKernel Gathered(GpuContext context, ConvolutionSpec spec)
    {
        var (x, w, y) = (spec.X, spec.W, spec.Y);
        int columns = w.Shape[0] / spec.Groups;
        var taps = (w.Shape[2], w.Shape[3]);
        var panels = new GpuPanels(
            context, w.Type, spec.Groups, columns, w.Shape[1], taps, (w.Strides[0] * columns, w.Strides[0], w.Strides[1], w.Strides[2], w.Strides[3]));
        var shape = new MatrixParameters
        {
            Rows = y.Shape[1] * y.Shape[2],
            Columns = columns,
            Depth = w.Shape[1],
            Groups = spec.Groups,
            TapsY = w.Shape[2],
            TapsX = w.Shape[3],
            OutWidth = y.Shape[2],
            // Bounds of what may be read: repeated and spread pixels are divided down before.
            Height = x.Shape[1],
            Width = x.Shape[2],
            StrideY = spec.Stride.Y,
            StrideX = spec.Stride.X,
            Top = spec.Padding.Top,
            Left = spec.Padding.Left,
            DilationY = spec.Dilation.Y,
            DilationX = spec.Dilation.X,
            SpreadY = spec.InputDilation.Y,
            SpreadX = spec.InputDilation.X,
            Upsample = spec.Upsample,
        };
        return GpuProduct.Prepare(context, spec, shape, y.Shape[0], x, y, spec.After, panels, spec.ConstantW);
    }
}
