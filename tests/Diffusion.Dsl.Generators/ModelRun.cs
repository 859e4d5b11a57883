using System.Collections.Immutable;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Generators;

/// <summary>Runs over plain numbers with a model that is a function in closed form.</summary>
public static class ModelRun
{
    /// <summary>The noise level of the sample that the model sees at a call: between two steps for the second call of the midpoint methods.</summary>
    /// <param name="timetable">The timetable.</param>
    /// <param name="index">The position of the call.</param>
    /// <returns>The level.</returns>
    public static NoiseLevel LevelAt(Timetable timetable, int index)
    {
        ArgumentNullException.ThrowIfNull(timetable);
        var level = timetable.NoiseLevels[index];
        if (timetable.InputScales.IsEmpty) return level;
        double scale = timetable.InputScale(index);
        return new(1, Math.Sqrt(Math.Max(0, 1 / (scale * scale) - 1)));
    }

    /// <summary>What a model says that takes x0 for the answer.</summary>
    /// <param name="predictionType"><c>epsilon</c>, <c>v_prediction</c> or <c>sample</c>.</param>
    /// <param name="x">The noisy sample.</param>
    /// <param name="x0">The answer.</param>
    /// <param name="at">The noise level of the sample.</param>
    /// <returns>The model's output.</returns>
    /// <exception cref="NotSupportedException">When the prediction type is another one.</exception>
    public static double Output(string predictionType, double x, double x0, NoiseLevel at)
    {
        double noise = (x - at.Signal * x0) / at.Sigma;
        return predictionType switch
        {
            "epsilon" => noise,

            // On the sigma scale a velocity belongs to the variance-preserving sample, which is smaller by the root.
            "v_prediction" => (at.Signal * noise - at.Sigma * x0) / Math.Sqrt(at.Signal * at.Signal + at.Sigma * at.Sigma),
            "sample" => x0,
            _ => throw new NotSupportedException($"A model that predicts '{predictionType}' is not known; use epsilon, v_prediction or sample."),
        };
    }

    /// <summary>Runs from the timetable's beginning to its end.</summary>
    /// <param name="timetable">The timetable, of a scheduler for models that predict epsilon.</param>
    /// <param name="denoiser">The model as an estimate of x0 from a sample and its noise level.</param>
    /// <param name="start">The first sample.</param>
    /// <param name="noise">The noise of each step; see <see cref="NoNoise"/>.</param>
    /// <returns>The sample before each position and at the end.</returns>
    public static ImmutableArray<double> Path(
        Timetable timetable, Func<double, NoiseLevel, double> denoiser, double start, Func<int, double> noise)
    {
        ArgumentNullException.ThrowIfNull(timetable);
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentNullException.ThrowIfNull(noise);
        var solver = timetable.Over(SampleAlgebra.Double);
        var (state, x) = (solver.Start, start);
        var path = new List<double> { x };
        for (int i = timetable.Begin; i < timetable.Count; i++)
        {
            var at = LevelAt(timetable, i);
            var result = solver.Step(state, i, Output("epsilon", x, denoiser(x, at), at), x, noise(i));
            (state, x) = (result.State, result.Sample);
            path.Add(x);
        }

        return [.. path];
    }

    /// <summary>Noise that is 0 at every step.</summary>
    /// <param name="index">The position.</param>
    /// <returns>0.</returns>
    public static double NoNoise(int index) => 0;
}
