namespace Diffusion.Kernels.Cpu;

/// <summary>How the columns of attention's values are cut into panels: narrow ones of 16 first, then wide ones.</summary>
/// <param name="Narrow">Number of panels of 16 columns.</param>
/// <param name="Wide">Number of wide panels.</param>
/// <param name="WideColumns">Columns of a wide panel: 24, or 32 where vectors have 512 bits.</param>
internal readonly record struct ValuePanels(int Narrow, int Wide, int WideColumns)
{
    /// <summary>Rows of a tile of wide results.</summary>
    public int WideRows => WideColumns == 32 ? MicroKernel.Rows : 4;

    /// <summary>Columns of all panels.</summary>
    public int PaddedSize => Narrow * MicroKernel.Width + Wide * WideColumns;

    /// <summary>
    /// As many wide panels as go in without waste, since they need fewer loads: of 24 columns, which do for any multiple of eight with at most two narrow
    /// panels, or of 32 where vectors have 512 bits and 24 wouldn't fill them.
    /// </summary>
    public static ValuePanels Of(int size)
    {
        int eights = Math.Max(2, (size + 7) / 8);
        if (MicroKernel.IsWide && eights % 2 == 0)
            return new(eights / 2 % 2, eights / 4, 32);
        int narrow = 2 * eights % 3;
        return new(narrow, (eights - 2 * narrow) / 3, 24);
    }
}
