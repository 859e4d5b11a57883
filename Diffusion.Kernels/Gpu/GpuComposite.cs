namespace Diffusion.Kernels.Gpu;

/// <summary>
/// A kernel whose epilogue the machine can't run in its store: the results go to the workspace as float32, and the program runs
/// over them afterwards.
/// </summary>
internal static class GpuComposite
{
    /// <summary>Prepares a validated spec that has an epilogue.</summary>
    /// <param name="context">The device.</param>
    /// <param name="spec">The contract.</param>
    /// <param name="results">How many results the kernel has: 2 for a paired product.</param>
    public static PreparedKernel Prepare(GpuContext context, KernelSpec spec, int results)
    {
        var output = spec.Operands[^1];
        var wide = results == 1 ? output.Shape : output.Shape.SetItem(output.Rank - 1, output.Shape[^1] * results);
        var values = Layout.Contiguous(ElementType.Float32, wide);
        var kernel = GpuKernels.Prepare(context, Plain(spec, values));
        var part = new Layout(ElementType.Float32, output.Shape, values.Strides);
        var after = GpuElementwise.Prepare(context, new ElementwiseSpec(
            spec.Epilogue.Program, [.. Enumerable.Repeat(part, results), .. spec.Epilogue.Inputs], output));
        long own = GpuProduct.Aligned(values.Count * sizeof(float)), inner = GpuProduct.Aligned(kernel.WorkspaceBytes);
        int inputs = spec.Epilogue.Inputs.Length, leading = spec.Operands.Length - inputs - 1;
        var first = new BufferSlice[leading + 1];
        var second = new BufferSlice[results + inputs + 1];
        long half = results == 1 ? 0 : output.Shape[^1] * sizeof(float);
        return new PreparedKernel(spec, kernel.Algorithm + " + " + after.Algorithm, own + inner + after.WorkspaceBytes, kernel.Packings, (in arguments) =>
        {
            var place = arguments.Workspace;
            arguments.Operands[..leading].CopyTo(first);
            first[leading] = place;
            kernel.Launch(new KernelArguments { Operands = first, Workspace = place with { ByteOffset = place.ByteOffset + own } });
            for (int i = 0; i < results; i++)
                second[i] = place with { ByteOffset = place.ByteOffset + i * half };
            arguments.Operands[leading..].CopyTo(second.AsSpan(results));
            after.Launch(new KernelArguments
            {
                Operands = second,
                Scalars = arguments.Scalars,
                Workspace = place with { ByteOffset = place.ByteOffset + own + inner },
            });
        });
    }

    private static KernelSpec Plain(KernelSpec spec, Layout values) => spec switch
    {
        GemmSpec gemm => gemm with { C = values, Paired = false, After = Epilogue.None },
        QuantizedGemmSpec gemm => gemm with { C = values, After = Epilogue.None },
        ConvolutionSpec convolution => convolution with { Y = values, After = Epilogue.None },
        GroupNormSpec norm => norm with { Y = values, After = Epilogue.None },
        RowNormSpec norm => norm with { Y = values, After = Epilogue.None },
        ReductionSpec reduction => reduction with { Y = values, After = Epilogue.None },
        _ => throw new NotSupportedException($"GpuComposite: {spec.GetType().Name} has no epilogue to split off."),
    };
}
