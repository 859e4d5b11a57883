namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Rows of the next block of a product, asked for during the last products of this one: on their way from memory while something is multiplied, and not
/// so long in the second-level cache that panels push them out.
/// </summary>
internal unsafe struct RowsAhead
{
    // Blocks of few rows take too few calls.
    private const int MinTiles = 8;

    private float* next;
    private float* end;

    /// <summary>Calls with one panel that ask for nothing yet.</summary>
    public int Waits;

    /// <summary>The rows from <paramref name="row"/> on, the next block's; none if they don't lie side by side.</summary>
    public static RowsAhead Create<TPacker>(PanelPlan plan, TPacker packer, int matrix, long row, int panels)
        where TPacker : struct, IRowPacker
    {
        long rows = Math.Min(plan.RowStep, plan.Rows - row);
        int tiles = plan.RowStep / MicroKernel.Rows;
        if (plan.SharedRows || rows < 2 || tiles < MinTiles || plan.Weights.Depth == 0)
            return new RowsAhead { Waits = int.MaxValue };
        float* start = packer.Dense(matrix, row);
        if (start == null)
            return new RowsAhead { Waits = int.MaxValue };
        int depth = plan.Weights.PaddedDepth, rounds = (depth + plan.DepthStep - 1) / plan.DepthStep;
        long floats = rows * plan.Weights.Depth;
        // What one call asks for: as much as a round of a panel has, once for each four tiles but the first.
        long asked = (long)Math.Min(plan.DepthStep, depth) * MicroKernel.Width * (tiles / 4 - 1);
        long calls = (floats + asked - 1) / asked;
        return new RowsAhead { next = start, end = start + floats, Waits = (int)Math.Max(0, (long)panels * rounds - calls) };
    }

    /// <summary>The next <paramref name="floats"/> of them; null when all have been asked for.</summary>
    public float* Take(int floats)
    {
        float* taken = next < end ? next : null;
        next += floats;
        return taken;
    }
}
