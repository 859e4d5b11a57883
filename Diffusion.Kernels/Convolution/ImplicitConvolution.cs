using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Convolution as a product of matrices whose rows are gathered from the input while they are packed: any kernel, stride,
/// padding, dilation, upsampling and grouping.
/// </summary>
internal static unsafe class ImplicitConvolution
{
    /// <summary>Prepares the contract.</summary>
    public static PreparedKernel Prepare(ConvolutionSpec spec, CpuContext context)
    {
        var w = spec.W;
        int outputs = w.Shape[0] / spec.Groups;
        var weights = new PanelWeights(
            w.Type, spec.Groups, outputs * w.Strides[0], outputs, w.Strides[0], w.Shape[2] * w.Shape[3], w.Shape[1], w.Strides[1], false)
        {
            KeepsNarrow = spec.ConstantW,
            PartsPerRow = w.Shape[3],
            PartRowStride = w.Strides[2],
            PartStride = w.Strides[3],
        };
        var epilogue = CpuEpilogue.Create(spec.After, spec.Y);
        var plan = PanelPlan.Create(spec.Y.Count / w.Shape[0], weights, 0, outputs, epilogue, 0, context.Threads);
        return new Launcher(spec, context.Pool, plan).Kernel();
    }

    private sealed class Launcher(ConvolutionSpec spec, WorkerPool pool, PanelPlan plan)
    {
        private readonly ConvolutionInput input = new(spec);
        private readonly DirectStore store = DirectStore.Create(spec.After, spec.Y);

        public PreparedKernel Kernel()
        {
            long floats = input.StagedFloats + plan.WorkspaceFloats;
            if (!spec.ConstantW)
                floats += PanelPlan.Align(plan.Matrices * plan.Weights.MatrixElements);
            bool pointwise = plan.Weights.Parts == 1;
            return new PreparedKernel(
                spec, pointwise ? "gemm" : "implicit-gemm", floats * sizeof(float), spec.ConstantW ? [plan.Weights.Packing(1, pool)] : [], Launch);
        }

        private void Launch(in KernelArguments arguments)
        {
            float* workspace = (float*)arguments.Workspace.Address;
            float* x = input.Stage(pool, arguments.Operands[0].Address, workspace);
            workspace += input.StagedFloats;
            byte* w = (byte*)arguments.Operands[1].Address;
            var job = new PanelJob<PixelRows>
            {
                Plan = plan,
                Packer = new PixelRows(input, spec, plan.Weights.PaddedDepth, x),
                Launch = new EpilogueLaunch(arguments, 2),
                Store = store,
                Weights = w,
                Workspace = workspace,
            };
            if (!spec.ConstantW)
            {
                job.Weights = (byte*)(workspace + plan.WorkspaceFloats);
                plan.Weights.Pack(pool, w, job.Weights, 0, plan.Matrices);
            }
            PanelProduct.Run(pool, ref job, 0, plan.Matrices);
        }
    }

    /// <summary>Packs the pixels under all taps of six outputs.</summary>
    private readonly struct PixelRows(ConvolutionInput input, ConvolutionSpec spec, int paddedDepth, float* origin) : IRowPacker
    {
        private readonly int height = spec.Y.Shape[1];
        private readonly int width = spec.Y.Shape[2];
        private readonly int tapRows = spec.W.Shape[2];
        private readonly int tapColumns = spec.W.Shape[3];
        private readonly int channels = spec.W.Shape[1];
        private readonly float* origin = origin;

        public float* Dense(int matrix, long row)
        {
            if (tapRows * tapColumns != 1)
                return null;
            float* pixel = Pixel(matrix, row);
            return pixel != null && Pixel(matrix, row + 1) == pixel + channels ? pixel : null;
        }

        /// <summary>The pixel under the only tap of an output.</summary>
        private float* Pixel(int matrix, long at)
        {
            long line = at / width, y = input.RowOffsets[line % height], x = input.ColumnOffsets[at % width];
            return (y | x) < 0 ? null : origin + line / height * input.ImageStride + (long)matrix * channels + y + x;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Pack(int matrix, long row, int rows, float* target, float* strip)
        {
            const int unit = MicroKernel.Rows;
            float** images = stackalloc float*[unit];
            long** rowOffsets = stackalloc long*[unit];
            long** columnOffsets = stackalloc long*[unit];
            float** pixels = stackalloc float*[unit];
            for (int i = 0; i < unit; i++)
            {
                long at = row + Math.Min(i, rows - 1);
                long line = at / width;
                images[i] = origin + line / height * input.ImageStride + (long)matrix * channels;
                rowOffsets[i] = input.RowOffsets + line % height * tapRows;
                columnOffsets[i] = input.ColumnOffsets + at % width * tapColumns;
            }
            for (int ty = 0; ty < tapRows; ty++)
            {
                for (int tx = 0; tx < tapColumns; tx++)
                {
                    for (int i = 0; i < unit; i++)
                    {
                        long y = rowOffsets[i][ty], x = columnOffsets[i][tx];
                        pixels[i] = (y | x) < 0 ? input.Zeros : images[i] + y + x;
                    }
                    PanelPacking.PackRows(pixels, channels, target, unit * (nint)(pixels[1] - pixels[0]));
                    target += channels * unit;
                }
            }
            PanelPacking.ClearDepth(target, 0, paddedDepth - tapRows * tapColumns * channels);
        }
    }
}
