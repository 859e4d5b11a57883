using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Products of matrices on the CPU.</summary>
internal static unsafe class CpuGemm
{
    // Up to here the weights are read as they lie: repacking or padding rows to six would cost more than it saves.
    private const int MaxVectorRows = 3;
    private const int MaxVectorRowsUnpacked = 8;
    private const long MaxPackedFloats = 16 << 20;

    /// <summary>Prepares <see cref="GemmSpec"/>.</summary>
    public static PreparedKernel Prepare(GemmSpec spec, CpuContext context)
    {
        spec.Validate();
        int batch = spec.A.Shape[0], rows = spec.A.Shape[1], depth = spec.A.Shape[2];
        if (spec.C.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in KernelArguments _) => { });
        // One matrix of weights for all batches makes one tall product.
        bool merged = batch == 1 || spec.B.Strides[0] == 0;
        long tall = merged ? (long)batch * rows : rows;
        if ((spec.B.Strides[1] == 1 || depth == 1) && tall <= (spec.ConstantB ? MaxVectorRows : MaxVectorRowsUnpacked) && depth > 0)
            return CpuGemv.Prepare(spec, context, merged ? 1 : batch, (int)tall);
        var weights = new PanelWeights(
            spec.B.Type, merged ? 1 : batch, spec.B.Strides[0], spec.C.Shape[2], spec.B.Strides[2], 1, depth, spec.B.Strides[1], spec.Paired)
        {
            KeepsNarrow = spec.ConstantB,
        };
        var epilogue = CpuEpilogue.Create(spec.After, spec.C, spec.Paired ? 2 : 1);
        int strip = spec.A.Type == ElementType.Float32 && (spec.A.Strides[2] == 1 || depth == 1) ? 0 : GemmRows.StripFloats;
        var plan = PanelPlan.Create(tall, weights, merged ? 0 : rows, 0, epilogue, strip, context.Threads);
        return new GemmLauncher(spec, context.Pool, plan).Kernel();
    }

    private sealed class GemmLauncher(GemmSpec spec, WorkerPool pool, PanelPlan plan)
    {
        private readonly GemmRows rows = new(spec.A, plan.Weights.PaddedDepth, plan.MatrixRowStep);
        private readonly DirectStore store = DirectStore.Create(spec.After, spec.C);
        private readonly GatedStore gated = spec.Paired ? GatedStore.Create(spec.After, spec.C) : default;
        // Weights that change are packed at each launch, as many matrices at once as fit a bounded workspace.
        private readonly int chunk = (int)Math.Clamp(MaxPackedFloats / Math.Max(1, plan.Weights.MatrixElements), 1, plan.Matrices);

        public PreparedKernel Kernel()
        {
            long floats = plan.WorkspaceFloats + (spec.ConstantB ? 0 : PanelPlan.Align(chunk * plan.Weights.MatrixElements));
            return new PreparedKernel(
                spec, plan.SharedRows ? "gemm-shared-rows" : "gemm", floats * sizeof(float),
                spec.ConstantB ? [plan.Weights.Packing(1, pool)] : [], Launch);
        }

        private void Launch(in KernelArguments arguments)
        {
            float* workspace = (float*)arguments.Workspace.Address;
            byte* b = (byte*)arguments.Operands[1].Address;
            var job = new PanelJob<GemmRows>
            {
                Plan = plan,
                Packer = rows.At((byte*)arguments.Operands[0].Address),
                Launch = new EpilogueLaunch(arguments, 2),
                Store = store,
                Gated = gated,
                Weights = b,
                Workspace = workspace,
            };
            if (spec.ConstantB)
            {
                PanelProduct.Run(pool, ref job, 0, plan.Matrices);
                return;
            }
            job.Weights = (byte*)(workspace + plan.WorkspaceFloats);
            for (int matrix = 0; matrix < plan.Matrices; matrix += chunk)
            {
                int n = Math.Min(chunk, plan.Matrices - matrix);
                plan.Weights.Pack(pool, b, job.Weights, matrix, n);
                PanelProduct.Run(pool, ref job, matrix, n);
            }
        }
    }

    /// <summary>Packs rows of A.</summary>
    private unsafe struct GemmRows : IRowPacker
    {
        private const int Strip = 256;

        /// <summary>Floats of strip for rows that aren't dense float32.</summary>
        public const int StripFloats = MicroKernel.Rows * Strip;

        private readonly RowMap map;
        private readonly ElementType type;
        private readonly int depth;
        private readonly int paddedDepth;
        private readonly long stride;
        private readonly long matrixStep;
        private byte* origin;

        public GemmRows(Layout a, int paddedDepth, long matrixStep)
        {
            map = RowMap.Create(a.Shape, a.Strides, 2);
            type = a.Type;
            depth = a.Shape[2];
            stride = depth == 1 ? 1 : a.Strides[2];
            this.paddedDepth = paddedDepth;
            this.matrixStep = matrixStep;
        }

        public readonly GemmRows At(byte* address)
        {
            var copy = this;
            copy.origin = address;
            return copy;
        }

        public readonly float* Dense(int matrix, long row)
        {
            row += matrix * matrixStep;
            long offset = map.Offset(row);
            return type == ElementType.Float32 && stride == 1 && map.Offset(row + 1) - offset == depth ? (float*)origin + offset : null;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Pack(int matrix, long row, int rows, float* target, float* strip)
        {
            float** pointers = stackalloc float*[MicroKernel.Rows];
            byte** sources = stackalloc byte*[MicroKernel.Rows];
            int size = type.Size();
            row += matrix * matrixStep;
            for (int i = 0; i < MicroKernel.Rows; i++)
                sources[i] = i < rows ? origin + map.Offset(row + i) * size : sources[i - 1];
            if (type == ElementType.Float32 && stride == 1)
            {
                PanelPacking.PackRows((float**)sources, depth, target, MicroKernel.Rows * (nint)((float*)sources[1] - (float*)sources[0]));
            }
            else
            {
                for (int i = 0; i < MicroKernel.Rows; i++)
                    pointers[i] = strip + Math.Min(i, rows - 1) * Strip;
                for (int k = 0; k < depth; k += Strip)
                {
                    int n = Math.Min(Strip, depth - k);
                    for (int i = 0; i < rows; i++)
                        CpuConvert.Load(type, sources[i] + k * stride * size, stride, pointers[i], n);
                    PanelPacking.PackRows(pointers, n, target + (long)k * MicroKernel.Rows);
                }
            }
            PanelPacking.ClearDepth(target, depth, paddedDepth);
        }
    }
}
