namespace Diffusion.Kernels.Cpu;

/// <summary>
/// How a product of rows with packed panels is cut up, decided once when a kernel is prepared. A task takes a block of rows and
/// a run of panels over the whole depth. Sums run over the depth in order whatever the cutting, so results don't depend on the
/// number of threads.
/// </summary>
internal sealed record PanelPlan
{
    // Depth of one round: that of a panel and of six rows fit the first-level cache together, a block of rows and its results half of
    // the second: the other half is for the panels that pass through, and for whoever shares the core.
    private const int MaxDepthStep = 320;
    private const int MaxRowStep = 96;
    // The second-level cache holds a block of rows and those of the next one, which are asked for ahead: deep ones are shorter.
    private const int DeepRowStep = 72;
    private const int Deep = 640;
    private const int MaxBlockFloats = 1 << 20;
    private const int GroupPanels = 16;
    private const int TasksPerThread = 4;
    // Tasks that share rows lose little by being small, and leave less to wait for where cores aren't equally fast.
    private const int SharedTasksPerThread = 16;
    private const double MinTaskFlops = 1e6;

    private PanelPlan()
    {
    }

    /// <summary>Rows of one matrix.</summary>
    public required long Rows { get; init; }

    /// <summary>Number of products: batches or groups.</summary>
    public required int Matrices { get; init; }

    /// <summary>The panels.</summary>
    public required PanelWeights Weights { get; init; }

    /// <summary>Rows of the output from one matrix's to the next's (batches), or 0.</summary>
    public required long MatrixRowStep { get; init; }

    /// <summary>Columns of the output from one matrix's to the next's (groups), or 0.</summary>
    public required int MatrixColumnStep { get; init; }

    /// <summary>The epilogue.</summary>
    public required CpuEpilogue Epilogue { get; init; }

    /// <summary>Whether all rows are packed first, in workspace that the threads share.</summary>
    public bool SharedRows { get; private init; }

    /// <summary>Rows of a task; a multiple of 6.</summary>
    public int RowStep { get; private init; }

    /// <summary>Row blocks of one matrix.</summary>
    public int RowBlocks { get; private init; }

    /// <summary>Panels of a task; a multiple of <see cref="Group"/> where there are several tasks.</summary>
    public int PanelStep { get; private init; }

    /// <summary>Panel runs of one matrix.</summary>
    public int PanelRuns { get; private init; }

    /// <summary>Panels between two runs of the epilogue.</summary>
    public int Group { get; private init; }

    /// <summary>Depth of one round.</summary>
    public int DepthStep { get; private init; }

    /// <summary>Floats of packed rows that all threads share.</summary>
    public long SharedFloats { get; private init; }

    /// <summary>Floats of one thread's packed rows.</summary>
    public long BlockFloats { get; private init; }

    /// <summary>Floats of one thread's first (and second) results.</summary>
    public long ResultFloats { get; private init; }

    /// <summary>Floats into which a thread converts a round's depth of one panel; 0 where panels are float32.</summary>
    public int WidenedFloats { get; private init; }

    /// <summary>Floats of one thread's scratch.</summary>
    public long ThreadFloats { get; private init; }

    /// <summary>Floats of workspace in all.</summary>
    public long WorkspaceFloats { get; private init; }

    /// <summary>Columns of results between two runs of the epilogue.</summary>
    public int GroupColumns => Group * MicroKernel.Width / (Weights.Paired ? 2 : 1);

    /// <summary>Cuts up a product.</summary>
    /// <param name="rows">Rows of one matrix.</param>
    /// <param name="weights">The panels.</param>
    /// <param name="matrixRowStep">See <see cref="MatrixRowStep"/>.</param>
    /// <param name="matrixColumnStep">See <see cref="MatrixColumnStep"/>.</param>
    /// <param name="epilogue">The epilogue.</param>
    /// <param name="stripFloats">Floats that a thread needs to pack rows.</param>
    /// <param name="threads">Number of threads.</param>
    public static PanelPlan Create(
        long rows, PanelWeights weights, long matrixRowStep, int matrixColumnStep, CpuEpilogue epilogue, int stripFloats, int threads)
    {
        const int unit = MicroKernel.Rows;
        int depth = weights.PaddedDepth, panels = weights.Panels;
        int rounds = Math.Max(1, (depth + MaxDepthStep - 1) / MaxDepthStep);
        int depthStep = MicroKernel.RoundDepth(depth, rounds);
        int maxRows = Math.Clamp(MaxBlockFloats / Math.Max(1, depth) / unit * unit, unit, depth > Deep ? DeepRowStep : MaxRowStep);

        double flops = 2.0 * rows * weights.Matrices * panels * MicroKernel.Width * depth;
        int wanted = threads == 1 ? 1 : (int)Math.Clamp(flops / MinTaskFlops, 1, TasksPerThread * threads);
        long blocks = Math.Max(1, (rows + maxRows - 1) / maxRows);
        // Few rows: pack them all first, so that tasks may share them and differ by panels.
        bool shared = threads > 1 && blocks * weights.Matrices < wanted && panels > 1;
        int group = Math.Min(panels, GroupPanels);
        int runs = 1;
        if (shared)
        {
            wanted = (int)Math.Clamp(flops / MinTaskFlops, 1, SharedTasksPerThread * threads);
            runs = (int)Math.Min((wanted + blocks * weights.Matrices - 1) / (blocks * weights.Matrices), (panels + 1) / 2);
            runs = Math.Max(runs, (panels + GroupPanels - 1) / GroupPanels);
            int step = (panels + runs - 1) / runs;
            step += step & 1;
            group = Math.Min(group, step);
            runs = (panels + step - 1) / step;
            panels = step;
        }
        if (weights.Paired)
            group += group & 1;
        long rowStep = Math.Max(unit, ((rows + blocks - 1) / blocks + unit - 1) / unit * unit);
        if (threads > 1 && blocks > 1)
            rowStep = CpuSplit.EvenStep(rows, unit, (rowStep / 2 + unit - 1) / unit * unit, rowStep, (long)weights.Matrices * runs, threads);
        blocks = (rows + rowStep - 1) / rowStep;

        long tiles = blocks * (rowStep / unit) * weights.Matrices;
        long tileFloats = (long)depth * unit;
        long sharedFloats = shared ? tiles * tileFloats : 0;
        long blockFloats = shared ? 0 : rowStep / unit * tileFloats;
        long groupColumns = group * MicroKernel.Width / (weights.Paired ? 2 : 1);
        long resultFloats = rowStep * groupColumns;
        depthStep = Math.Max(depthStep, MicroKernel.RoundUnit);
        int widened = weights.Packed == ElementType.Float32 ? 0 : depthStep * MicroKernel.Width;
        long threadFloats = widened + Align(blockFloats) + Align(resultFloats) * (weights.Paired ? 2 : 1)
            + Align(epilogue.ScratchFloats((int)groupColumns)) + Align(stripFloats);
        return new PanelPlan
        {
            Rows = rows,
            Matrices = weights.Matrices,
            Weights = weights,
            MatrixRowStep = matrixRowStep,
            MatrixColumnStep = matrixColumnStep,
            Epilogue = epilogue,
            SharedRows = shared,
            RowStep = (int)rowStep,
            RowBlocks = checked((int)blocks),
            PanelStep = panels,
            PanelRuns = runs,
            Group = group,
            DepthStep = depthStep,
            WidenedFloats = widened,
            SharedFloats = Align(sharedFloats),
            BlockFloats = Align(blockFloats),
            ResultFloats = Align(resultFloats),
            ThreadFloats = threadFloats,
            WorkspaceFloats = Align(sharedFloats) + threads * threadFloats,
        };
    }

    /// <summary>Rounds a number of floats up to whole cache lines.</summary>
    public static long Align(long floats) => (floats + 15) & ~15L;
}
