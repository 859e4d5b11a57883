namespace Diffusion.Dsl.Schedulers;

/// <summary>Small systems of linear equations, as the multistep methods meet them.</summary>
internal static class LinearSystem
{
    /// <summary>Solves <c>a x = b</c> by elimination with pivots.</summary>
    /// <param name="a">The rows of a square matrix.</param>
    /// <param name="b">The right-hand side.</param>
    /// <returns>The solution; not finite when the matrix is singular.</returns>
    public static double[] Solve(double[][] a, double[] b)
    {
        int n = b.Length;
        double[][] rows = [.. a.Select((row, i) => (double[])[.. row, b[i]])];
        for (int column = 0; column < n; column++)
        {
            int pivot = Enumerable.Range(column, n - column).MaxBy(i => Math.Abs(rows[i][column]));
            (rows[column], rows[pivot]) = (rows[pivot], rows[column]);
            for (int i = column + 1; i < n; i++)
            {
                double factor = rows[i][column] / rows[column][column];
                for (int j = column; j <= n; j++) rows[i][j] -= factor * rows[column][j];
            }
        }

        var x = new double[n];
        for (int i = n - 1; i >= 0; i--)
            x[i] = (rows[i][n] - Enumerable.Range(i + 1, n - i - 1).Sum(j => rows[i][j] * x[j])) / rows[i][i];
        return x;
    }
}
