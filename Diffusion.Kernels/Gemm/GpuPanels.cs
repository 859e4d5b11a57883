namespace Diffusion.Kernels.Gpu;

/// <summary>
/// How B lies once it is packed, and the launch that packs it: in panels of a vector's columns for a processor, in one of all columns
/// for a GPU.
/// </summary>
internal sealed class GpuPanels
{
    private const int Threads = 256;

    private readonly GpuKernel<PackParameters> kernel;
    private readonly PackParameters template;

    /// <summary>Plans the packing of a filter or matrix.</summary>
    /// <param name="context">The device.</param>
    /// <param name="type">How B is stored; the panels keep 16-bit floats on a GPU.</param>
    /// <param name="count">Batches or groups with a B of their own; for attention, heads of batches.</param>
    /// <param name="columns">Columns of each.</param>
    /// <param name="depth">Channels of a tap.</param>
    /// <param name="taps">Taps.</param>
    /// <param name="strides">Elements from one batch or group, column, channel, tap row and tap column to the next.</param>
    /// <param name="outer">Where the count runs over two axes: length of the inner one, and the outer one's stride.</param>
    public GpuPanels(
        GpuContext context, ElementType type, int count, int columns, int depth, (int Y, int X) taps,
        (long Z, long Column, long Depth, long TapY, long TapX) strides, (int Inner, long Stride) outer = default)
    {
        kernel = context.Kernels.Get<PackParameters>(GpuMatrix.Pack);
        int width = context.IsProcessor ? GpuMatrix.ProcessorColumns : Math.Max(1, columns);
        int panels = (columns + width - 1) / width;
        var packed = type is ElementType.Float16 or ElementType.BFloat16 && !context.IsProcessor ? type : ElementType.Float32;
        template = new PackParameters
        {
            Count = (long)count * panels * taps.Y * taps.X * depth * width,
            Width = width,
            Panels = panels,
            Columns = columns,
            Depth = depth,
            TapsY = taps.Y,
            TapsX = taps.X,
            InnerZ = Math.Max(1, outer.Inner == 0 ? count : outer.Inner),
            SourceOuterZ = outer.Stride,
            SourceZ = strides.Z,
            SourceColumn = strides.Column,
            SourceDepth = strides.Depth,
            SourceTapY = strides.TapY,
            SourceTapX = strides.TapX,
            Source = new GpuOperand { Type = (int)type },
            Target = new GpuOperand { Type = (int)packed },
        };
        Key = $"gpu-panels-{width}-{packed}-{count}x{columns}x{depth}x{taps.Y}x{taps.X}";
    }

    /// <summary>Names the format.</summary>
    public string Key { get; }

    /// <summary>Makes a product read the packed operand.</summary>
    public void Describe(ref MatrixParameters parameters)
    {
        parameters.B = new GpuOperand { Type = template.Target.Type };
        parameters.ColumnB = 1;
        parameters.DepthB = template.Width;
        parameters.TapB = (long)template.Depth * template.Width;
        parameters.OuterB = parameters.TapB * template.TapsY * template.TapsX * template.Panels;
    }

    /// <summary>Size of the packed form.</summary>
    public long Bytes => template.Count * ((ElementType)template.Target.Type).Size();

    /// <summary>The packed operand, to be bound at launch.</summary>
    public GpuOperand Operand => new() { Type = template.Target.Type };

    /// <summary>Packs.</summary>
    public void Pack(BufferSlice source, BufferSlice target)
    {
        var p = template;
        GpuContext.Bind(ref p.Source, source);
        GpuContext.Bind(ref p.Target, target);
        kernel.Launch((p.Count + Threads - 1) / Threads, Threads, in p);
    }
}
