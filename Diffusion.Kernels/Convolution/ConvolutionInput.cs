using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// A convolution's input as the kernels read it: float32 pixels with dense channels. Anything else is first copied so into
/// workspace, once for all taps. Knows which pixel each output row or column meets under each tap.
/// </summary>
internal sealed unsafe class ConvolutionInput
{
    private readonly Layout layout;
    private readonly float[] zeros;
    private readonly long[] rowOffsets;
    private readonly long[] columnOffsets;

    /// <summary>Looks at a contract.</summary>
    public ConvolutionInput(ConvolutionSpec spec)
    {
        layout = spec.X;
        int height = layout.Shape[1], width = layout.Shape[2];
        Channels = layout.Shape[3];
        IsStaged = layout.Type != ElementType.Float32 || (Channels > 1 && layout.Strides[3] != 1);
        ColumnStride = IsStaged ? Channels : layout.Strides[2];
        RowStride = IsStaged ? (long)width * Channels : layout.Strides[1];
        ImageStride = IsStaged ? (long)height * width * Channels : layout.Strides[0];
        zeros = GC.AllocateArray<float>(Channels + 16, pinned: true);
        var p = spec.Padding;
        rowOffsets = Offsets(spec.Y.Shape[1], spec.W.Shape[2], spec.Stride.Y, p.Top, spec.Dilation.Y, spec.InputDilation.Y, spec.Upsample, height, RowStride);
        columnOffsets = Offsets(spec.Y.Shape[2], spec.W.Shape[3], spec.Stride.X, p.Left, spec.Dilation.X, spec.InputDilation.X, spec.Upsample, width, ColumnStride);
        RowOffsets = (long*)Unsafe.AsPointer(ref rowOffsets[0]);
        ColumnOffsets = (long*)Unsafe.AsPointer(ref columnOffsets[0]);
        Zeros = (float*)Unsafe.AsPointer(ref zeros[0]);
    }

    /// <summary>Channels of a pixel.</summary>
    public int Channels { get; }

    /// <summary>Whether a launch copies the input into workspace first.</summary>
    public bool IsStaged { get; }

    /// <summary>Floats of that copy, in whole cache lines.</summary>
    public long StagedFloats => IsStaged ? PanelPlan.Align(layout.Count) : 0;

    /// <summary>Floats between images.</summary>
    public long ImageStride { get; }

    /// <summary>Floats between rows of pixels.</summary>
    public long RowStride { get; }

    /// <summary>Floats between pixels.</summary>
    public long ColumnStride { get; }

    /// <summary>A pixel of zeros.</summary>
    public float* Zeros { get; }

    /// <summary>[output row][tap row]: the input row's offset in floats, −1 outside.</summary>
    public long* RowOffsets { get; }

    /// <summary>[output column][tap column]: the pixel's offset in floats, −1 outside.</summary>
    public long* ColumnOffsets { get; }

    /// <summary>The first pixel; copies the input to <paramref name="workspace"/> when it must.</summary>
    public float* Stage(WorkerPool pool, nint source, float* workspace)
    {
        if (!IsStaged)
            return (float*)source;
        var job = new Job { Input = this, Source = (byte*)source, Target = workspace };
        pool.Run(layout.Shape[0] * layout.Shape[1], Unsafe.AsPointer(ref job), &StageRow);
        return workspace;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StageRow(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var x = job.Input.layout;
        int height = x.Shape[1], width = x.Shape[2], channels = x.Shape[3], size = x.Type.Size();
        long stride = channels == 1 ? 1 : x.Strides[3];
        byte* source = job.Source + (task / height * x.Strides[0] + task % height * x.Strides[1]) * size;
        float* target = job.Target + (long)task * width * channels;
        for (int i = 0; i < width; i++, source += x.Strides[2] * size, target += channels)
            CpuConvert.Load(x.Type, source, stride, target, channels);
    }

    private static long[] Offsets(
        int outputs, int taps, int stride, int padding, int dilation, int inputDilation, int upsample, int length, long step)
    {
        long[] offsets = GC.AllocateArray<long>(Math.Max(1, outputs * taps), pinned: true);
        for (int i = 0; i < outputs * taps; i++)
        {
            long at = (long)(i / taps) * stride - padding + (long)(i % taps) * dilation;
            long index = at / inputDilation / upsample;
            bool inside = at >= 0 && at % inputDilation == 0 && index < length;
            offsets[i] = inside ? index * step : -1;
        }
        return offsets;
    }

    private struct Job
    {
        public ConvolutionInput Input;
        public byte* Source;
        public float* Target;
    }
}
