using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Convolution to a handful of channels (the last layer of a UNet or decoder): sums along the input's channels, where panels of
/// 16 outputs would mostly be padding. Weights are [output, rounded up to 4][tap][channel].
/// </summary>
internal static unsafe class FewOutputsConvolution
{
    /// <summary>The most outputs for which this is the faster way.</summary>
    public const int MaxOutputs = 8;

    /// <summary>The fewest input channels.</summary>
    public const int MinChannels = 8;

    private const int Chunk = 96;
    private const int Pixels = 3;

    /// <summary>Prepares the contract.</summary>
    public static PreparedKernel Prepare(ConvolutionSpec spec, CpuContext context) => new Launcher(spec, context).Kernel();

    private sealed class Launcher
    {
        private readonly ConvolutionSpec spec;
        private readonly WorkerPool pool;
        private readonly ConvolutionInput input;
        private readonly CpuEpilogue epilogue;
        private readonly double flops;
        private readonly int outputs;
        private readonly int padded;
        private readonly int taps;
        private readonly int channels;
        private readonly long pixels;
        private readonly long threadFloats;

        public Launcher(ConvolutionSpec spec, CpuContext context)
        {
            this.spec = spec;
            pool = context.Pool;
            flops = spec.Flops;
            input = new ConvolutionInput(spec);
            epilogue = CpuEpilogue.Create(spec.After, spec.Y);
            outputs = spec.W.Shape[0];
            padded = (outputs + DotKernel.Columns - 1) / DotKernel.Columns * DotKernel.Columns;
            taps = spec.W.Shape[2] * spec.W.Shape[3];
            channels = spec.W.Shape[1];
            pixels = spec.Y.Count / outputs;
            threadFloats = PanelPlan.Align((Chunk + Pixels) * padded) + PanelPlan.Align(epilogue.ScratchFloats(outputs));
        }

        private long WeightFloats => PanelPlan.Align((long)padded * taps * channels);

        public PreparedKernel Kernel()
        {
            long floats = input.StagedFloats + threadFloats * pool.Threads + (spec.ConstantW ? 0 : WeightFloats);
            var w = spec.W;
            var packing = new OperandPacking(1, $"rows4/{w}", WeightFloats * sizeof(float), (source, target) => PackWeights((byte*)source.Address, (float*)target.Address));
            return new PreparedKernel(spec, "few-outputs", floats * sizeof(float), spec.ConstantW ? [packing] : [], Launch);
        }

        private void PackWeights(byte* source, float* target)
        {
            var w = spec.W;
            int size = w.Type.Size(), width = w.Shape[3];
            for (int i = 0; i < padded * taps; i++, target += channels)
            {
                int output = i / taps, tap = i % taps;
                if (output >= outputs)
                    new Span<float>(target, channels).Clear();
                else
                    CpuConvert.Load(w.Type, source + (output * w.Strides[0] + tap / width * w.Strides[2] + tap % width * w.Strides[3]) * size, w.Strides[1], target, channels);
            }
        }

        private void Launch(in KernelArguments arguments)
        {
            float* workspace = (float*)arguments.Workspace.Address;
            var job = new Job
            {
                Owner = this,
                X = input.Stage(pool, arguments.Operands[0].Address, workspace),
                Weights = (float*)arguments.Operands[1].Address,
                Launch = new EpilogueLaunch(arguments, 2),
                Scratch = workspace + input.StagedFloats,
            };
            if (!spec.ConstantW)
            {
                job.Weights = job.Scratch + threadFloats * pool.Threads;
                PackWeights((byte*)arguments.Operands[1].Address, job.Weights);
            }
            pool.Run(checked((int)((pixels + Chunk - 1) / Chunk)), Unsafe.AsPointer(ref job), &Run, flops);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Run(void* state, int task, int thread)
        {
            ref var job = ref Unsafe.AsRef<Job>(state);
            var owner = job.Owner;
            long first = (long)task * Chunk;
            int count = (int)Math.Min(Chunk, owner.pixels - first);
            float* results = job.Scratch + thread * owner.threadFloats;
            for (int i = 0; i < count; i += Pixels)
                owner.Multiply(ref job, first + i, Math.Min(Pixels, count - i), results + i * owner.padded);
            float* scratch = results + PanelPlan.Align((Chunk + Pixels) * owner.padded);
            owner.epilogue.Apply(job.Launch, first, count, 0, owner.outputs, results, owner.padded, null, scratch);
        }

        /// <summary>Three neighbouring outputs; the last is repeated where there are fewer.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Multiply(ref Job job, long pixel, int count, float* results)
        {
            int height = spec.Y.Shape[1], width = spec.Y.Shape[2], tapRows = spec.W.Shape[2], tapColumns = spec.W.Shape[3];
            int groups = padded / DotKernel.Columns;
            float** images = stackalloc float*[Pixels];
            float** x = stackalloc float*[Pixels];
            float** w = stackalloc float*[DotKernel.Columns];
            long** rowOffsets = stackalloc long*[Pixels];
            long** columnOffsets = stackalloc long*[Pixels];
            Vector<float>* sums = stackalloc Vector<float>[Pixels * DotKernel.Columns];
            for (int i = 0; i < Pixels; i++)
            {
                long at = pixel + Math.Min(i, count - 1), line = at / width;
                images[i] = job.X + line / height * input.ImageStride;
                rowOffsets[i] = input.RowOffsets + line % height * tapRows;
                columnOffsets[i] = input.ColumnOffsets + at % width * tapColumns;
            }
            for (int group = 0; group < groups; group++)
            {
                for (int i = 0; i < Pixels * DotKernel.Columns; i++)
                    sums[i] = Vector<float>.Zero;
                for (int tap = 0; tap < taps; tap++)
                {
                    for (int i = 0; i < Pixels; i++)
                    {
                        long dy = rowOffsets[i][tap / tapColumns], dx = columnOffsets[i][tap % tapColumns];
                        x[i] = (dy | dx) < 0 ? input.Zeros : images[i] + dy + dx;
                    }
                    for (int j = 0; j < DotKernel.Columns; j++)
                        w[j] = job.Weights + ((long)(group * DotKernel.Columns + j) * taps + tap) * channels;
                    DotKernel.Add3x4(x, w, channels, sums);
                }
                for (int i = 0; i < Pixels; i++)
                    DotKernel.Reduce(sums + i * DotKernel.Columns, results + i * padded + group * DotKernel.Columns, DotKernel.Columns);
            }
        }

        private struct Job
        {
            public Launcher Owner;
            public float* X;
            public float* Weights;
            public EpilogueLaunch Launch;
            public float* Scratch;
        }
    }
}
