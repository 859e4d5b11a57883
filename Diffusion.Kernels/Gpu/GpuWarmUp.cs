namespace Diffusion.Kernels.Gpu;

/// <summary>The contracts that a picture needs, in a fixed order, in shapes that reach every algorithm: preparing them compiles its kernels.</summary>
internal static class GpuWarmUp
{
    /// <summary>The contracts.</summary>
    /// <param name="type">How weights and activations are stored.</param>
    public static IEnumerable<KernelSpec> Specs(ElementType type)
    {
        Layout Dense(params int[] shape) => Layout.Contiguous(type, shape);
        yield return new ElementwiseSpec(ElementwiseProgram.Identity, [Dense(64)], Dense(64));
        yield return new ElementwiseSpec(ElementwiseProgram.Identity, [Layout.Contiguous(ElementType.Int64, 64)], Layout.Contiguous(ElementType.Int64, 64));
        // Large and small tiles, and a batch.
        yield return new GemmSpec(Dense(1, 4096, 320), new Layout(type, [1, 320, 1280], [0, 1, 320]), Dense(1, 4096, 1280), ConstantB: true);
        yield return new GemmSpec(Dense(1, 2, 320), new Layout(type, [1, 320, 64], [0, 1, 320]), Dense(1, 2, 64), ConstantB: true);
        yield return new GemmSpec(Dense(2, 64, 64), Dense(2, 64, 64), Dense(2, 64, 64));
        foreach (var (size, inputs, outputs, stride) in new[] { (64, 4, 320, 1), (64, 320, 320, 1), (16, 1280, 1280, 1), (8, 1280, 1280, 1), (64, 320, 320, 2) })
        {
            int to = size / stride;
            yield return new ConvolutionSpec(Dense(1, size, size, inputs), Dense(outputs, inputs, 3, 3), Dense(1, to, to, outputs))
            {
                Stride = (stride, stride),
                Padding = (1, 1, 1, 1),
                ConstantW = true,
            };
        }
        foreach (int width in new[] { 40, 64, 80, 128, 160, 256 })
        {
            var tokens = new Layout(type, [1, 2, 256, width], [0, width, 2L * width, 1]);
            yield return new AttentionSpec(tokens, tokens, tokens, tokens, 1 / Math.Sqrt(width));
        }
        yield return new GroupNormSpec(Dense(1, 4096, 320), Dense(1, 4096, 320), 32, 1e-5);
        yield return new RowNormSpec(RowNormKind.Layer, Dense(77, 768), Dense(77, 768), 1e-5);
        yield return new SoftmaxSpec(Dense(77, 77), Dense(77, 77));
        yield return new ReductionSpec(ReductionKind.Mean, Dense(4, 64), Dense(4), 1);
        yield return new ReductionSpec(ReductionKind.ArgMax, Layout.Contiguous(ElementType.Int64, 1, 77), Layout.Contiguous(ElementType.Int64, 1), 1);
        yield return new ResamplingSpec(ResamplingMode.Nearest, Dense(1, 8, 8, 4), Dense(1, 16, 16, 4));
        yield return new GatherSpec(Dense(1, 77, 768), Layout.Contiguous(ElementType.Int64, 77), Dense(1, 77, 768));
    }
}
