using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// VQ-Diffusion (Gu et al., arXiv:2111.14822): diffusion of tokens, which at each step stay, change or are masked. Pure: the uniform numbers
/// are an argument.
/// </summary>
public sealed class VqDiffusion
{
    // The logarithm of the least probability that the reference lets through.
    private const double Least = 1e-30;

    private readonly SchedulerConfig config;

    /// <summary>The steps of a configuration.</summary>
    /// <param name="config">The configuration of a <c>VQDiffusionScheduler</c>.</param>
    /// <exception cref="ArgumentException">When the number of classes is below 2 or that of timesteps below 2.</exception>
    public VqDiffusion(SchedulerConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        if (config.NumVecClasses < 2) throw config.Error("num_vec_classes", "2 or more is expected");
        if (config.NumTrainTimesteps < 2) throw config.Error("num_train_timesteps", "2 or more is expected");
        this.config = config;
        int train = config.NumTrainTimesteps, classes = config.NumVecClasses - 1;
        var alphaBars = Line(train, config.AlphaCumStart, config.AlphaCumEnd);
        var gammaBars = Line(train, config.GammaCumStart, config.GammaCumEnd);
        var alphas = Enumerable.Range(0, train).Select(t => t == 0 ? alphaBars[0] : alphaBars[t] / alphaBars[t - 1]).ToArray();
        var gammas = Enumerable.Range(0, train).Select(t => t == 0 ? gammaBars[0] : 1 - (1 - gammaBars[t]) / (1 - gammaBars[t - 1])).ToArray();
        ImmutableArray<double> Log(IEnumerable<double> values) => [.. values.Select(value => (double)(float)Math.Log(value))];
        double Rest(double alpha, double gamma) => (1 - alpha - gamma) / classes;
        Tables = new Dictionary<string, ImmutableArray<double>>
        {
            ["log_at"] = Log(alphas),
            ["log_bt"] = Log(alphas.Zip(gammas, Rest)),
            ["log_ct"] = Log(gammas),
            ["log_cumprod_at"] = Log(alphaBars.Append(1)),
            ["log_cumprod_bt"] = Log(alphaBars.Append(1).Zip(gammaBars.Append(0), Rest)),
            ["log_cumprod_ct"] = Log(gammaBars.Append(0)),
        }.ToImmutableSortedDictionary(StringComparer.Ordinal);
    }

    /// <summary>The logarithms of the probabilities of staying (a), changing (b) and being masked (c), by the reference's names.</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<double>> Tables { get; }

    /// <summary>The number of classes with the mask.</summary>
    public int Classes => config.NumVecClasses;

    /// <summary>The class that stands for masked: the last one.</summary>
    public int Mask => Classes - 1;

    /// <summary>The timetable of a run: the timesteps n - 1 to 0.</summary>
    internal static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.AtMostTrained(config, options.Steps);
        return DiscreteTokens.Timetable(config, options, "VqDiffusion.Step") with { Tables = new VqDiffusion(config).Tables };
    }

    /// <summary>Takes one step.</summary>
    /// <param name="logProbabilities">The model's log probabilities of the unmasked tokens, in the order (batch, classes - 1, pixels).</param>
    /// <param name="tokens">The present tokens, in the order (batch, pixels).</param>
    /// <param name="batch">The size of the batch.</param>
    /// <param name="timestep">The timestep, 0 to the number of training timesteps - 1.</param>
    /// <param name="uniform">Numbers in [0, 1), in the order (batch, classes, pixels), at timestep 0 (batch, classes - 1, pixels).</param>
    /// <returns>The next tokens.</returns>
    /// <exception cref="ArgumentException">When the sizes don't fit together.</exception>
    public ImmutableArray<int> Step(
        IReadOnlyList<double> logProbabilities, IReadOnlyList<int> tokens, int batch, int timestep, IReadOnlyList<double> uniform)
    {
        ArgumentNullException.ThrowIfNull(logProbabilities);
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(uniform);
        int pixels = tokens.Count / Math.Max(batch, 1), drawn = timestep == 0 ? Classes - 1 : Classes;
        if (batch < 1 || tokens.Count != batch * pixels || logProbabilities.Count != batch * (Classes - 1) * pixels
            || uniform.Count != batch * drawn * pixels)
        {
            throw new ArgumentException(
                $"VQ-Diffusion: {tokens.Count} tokens in a batch of {batch} need {batch * (Classes - 1) * pixels} log probabilities and "
                + $"{batch * drawn * pixels} uniform numbers, not {logProbabilities.Count} and {uniform.Count}.");
        }

        if (timestep < 0 || timestep >= config.NumTrainTimesteps)
            throw new ArgumentOutOfRangeException(nameof(timestep), timestep, $"The timestep must be in 0..{config.NumTrainTimesteps - 1}.");
        var next = ImmutableArray.CreateBuilder<int>(tokens.Count);
        for (int item = 0; item < batch; item++)
        {
            for (int pixel = 0; pixel < pixels; pixel++)
            {
                var p = Enumerable.Range(0, Classes - 1).Select(k => logProbabilities[(item * (Classes - 1) + k) * pixels + pixel]).ToArray();
                var posterior = timestep == 0 ? p : Posterior(p, tokens[item * pixels + pixel], timestep);
                next.Add(Greatest(Enumerable.Range(0, drawn).Select(k =>
                    posterior[k] - Math.Log(-Math.Log(uniform[(item * drawn + k) * pixels + pixel] + Least) + Least))));
            }
        }

        return next.MoveToImmutable();
    }

    /// <summary>The log probabilities of one pixel's class a step earlier, given the model's of the first one (equation 11 of the paper).</summary>
    /// <param name="logProbabilities">The model's, of the classes without the mask.</param>
    /// <param name="token">The present class.</param>
    /// <param name="timestep">The timestep, 1 or more.</param>
    /// <returns>The log probabilities of all classes, the mask last; not normalised.</returns>
    public double[] Posterior(double[] logProbabilities, int token, int timestep)
    {
        ArgumentNullException.ThrowIfNull(logProbabilities);
        double Arrive(int k, string kind) => token == Mask
            ? Tables[$"log_{kind}ct"][timestep]
            : LogAdd((k == token ? 0 : Math.Log(Least)) + Tables[$"log_{kind}at"][timestep], Tables[$"log_{kind}bt"][timestep]);
        double[] q = [.. logProbabilities.Select((p, k) => p - Arrive(k, "cumprod_"))];
        double greatest = q.Max(), total = greatest + Math.Log(q.Sum(value => Math.Exp(value - greatest)));
        double a = Tables["log_cumprod_at"][timestep - 1], b = Tables["log_cumprod_bt"][timestep - 1];
        return
        [
            .. q.Select((value, k) => LogAdd(value - total + a, b) + Arrive(k, "") + total),
            Tables["log_cumprod_ct"][timestep - 1] + (token == Mask ? 0 : Math.Log(Least)) + total,
        ];
    }

    private static double[] Line(int count, double start, double end) =>
        [.. Enumerable.Range(0, count).Select(t => (double)t / (count - 1) * (end - start) + start)];

    // As torch's argmax: what is not a number counts as the greatest. A schedule whose probabilities exceed 1 gives such.
    private static int Greatest(IEnumerable<double> values)
    {
        double[] all = [.. values];
        int undefined = Array.FindIndex(all, double.IsNaN);
        return undefined >= 0 ? undefined : Array.IndexOf(all, all.Max());
    }

    private static double LogAdd(double x, double y)
    {
        double greatest = Math.Max(x, y);
        return double.IsNegativeInfinity(greatest) ? greatest : greatest + Math.Log(Math.Exp(x - greatest) + Math.Exp(y - greatest));
    }
}
