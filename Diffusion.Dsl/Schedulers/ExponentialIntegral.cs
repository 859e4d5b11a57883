namespace Diffusion.Dsl.Schedulers;

/// <summary>Integrals of polynomials times an exponential, which exponential integrators are made of.</summary>
internal static class ExponentialIntegral
{
    /// <summary>The integral from -h to 0 of the Lagrange polynomial of one node times exp(rate * x).</summary>
    /// <param name="nodes">All nodes.</param>
    /// <param name="own">The position of the node where the polynomial is 1.</param>
    /// <param name="h">The length of the interval.</param>
    /// <param name="rate">The rate of the exponential, not 0.</param>
    /// <returns>The integral.</returns>
    public static double OfLagrange(double[] nodes, int own, double h, double rate)
    {
        // Coefficients of the product of (x - node) / (own - node), lowest power first.
        double[] polynomial = [1];
        for (int j = 0; j < nodes.Length; j++)
        {
            if (j == own) continue;
            double scale = 1 / (nodes[own] - nodes[j]);
            var product = new double[polynomial.Length + 1];
            for (int k = 0; k < polynomial.Length; k++)
            {
                product[k] -= polynomial[k] * nodes[j] * scale;
                product[k + 1] += polynomial[k] * scale;
            }

            polynomial = product;
        }

        double decay = Math.Exp(-rate * h), sum = 0, moment = (1 - decay) / rate, power = 1;
        for (int k = 0; k < polynomial.Length; k++)
        {
            if (k > 0) moment = -(power *= -h) * decay / rate - k / rate * moment;
            sum += polynomial[k] * moment;
        }

        return sum;
    }
}
