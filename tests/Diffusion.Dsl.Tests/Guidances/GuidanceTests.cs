using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Guidances;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Dsl.Tests.Guidances;

public sealed class GuidanceTests
{
    [Property(MaxTest = 20)]
    public void A_scale_of_1_is_the_conditional_prediction(short wanted, short unwanted) =>
        Near(Question(wanted, 0).Plain, Question(wanted, unwanted).Under(Guidance.ClassifierFree(1)));

    [Property(MaxTest = 20)]
    public void A_scale_of_0_is_the_unconditional_prediction(short wanted, short unwanted) =>
        Near(Question(unwanted, 0).Plain, Question(wanted, unwanted).Under(Guidance.ClassifierFree(0)));

    [Property(MaxTest = 20)]
    public void Guidance_extrapolates(short wanted, short unwanted, byte scale)
    {
        float[] c = Question(wanted, 0).Plain, u = Question(unwanted, 0).Plain;
        Near([.. c.Zip(u, (x, y) => y + scale * (x - y))], Question(wanted, unwanted).Under(Guidance.ClassifierFree(scale)));
    }

    [Fact]
    public void Both_predictions_are_one_call()
    {
        var batches = new List<int>();
        var watched = new Denoiser(input =>
        {
            batches.Add(input.Latents.Shape[0]);
            return Toys.Conditional.Predict(input);
        });
        watched.Guide(Guidance.ClassifierFree(5)).Predict(Question(1, 2).Input);
        Assert.Equal([4], batches);
    }

    [Fact]
    public void Against_leads_away_from_its_own_conditioning() => Near(
        Question(3, 8).Under(Guidance.ClassifierFree(4)), Question(3, 100).Under(Guidance.Against(Question(8, 0).Input.Conditioning, 4)));

    [Fact]
    public void A_rescaling_of_0_changes_nothing() =>
        Near(Question(3, 8).Under(Guidance.ClassifierFree(7)), Question(3, 8).Under(Guidance.ClassifierFree(7), Guidance.Rescale(0)));

    [Fact]
    public void A_rescaling_of_1_has_the_conditional_predictions_deviation()
    {
        var rescaled = Tensor.From(Question(3, 8, spread: 2).Under(Guidance.ClassifierFree(7), Guidance.Rescale(1)), [2, 2, 2, 3]);
        var conditional = Tensor.From(Question(3, 8, spread: 2).Plain, [2, 2, 2, 3]);
        Near(conditional.StandardDeviation(1, 1, 2, 3).ToArray(), rescaled.StandardDeviation(1, 1, 2, 3).ToArray());
    }

    [Fact]
    public void A_guidance_may_work_in_a_part_of_the_run()
    {
        var guidance = Guidance.Between(0.25, 0.75, Guidance.ClassifierFree(3));
        var question = Question(3, 8);
        float[] Under(int index) => Toys.Conditional.Guide(guidance).Predict(question.Input with { Index = index, Count = 4 }).Value.ToArray();
        Near(question.Plain, Under(0));
        Near(question.Under(Guidance.ClassifierFree(3)), Under(1));
        Near(question.Under(Guidance.ClassifierFree(3)), Under(2));
        Near(question.Plain, Under(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => Guidance.Between(0.5, 0.2, Guidance.None));
    }

    [Fact]
    public void Composition_is_one_after_another()
    {
        var twice = Guidance.Create("twice", (next, input) => next.Predict(input).WithValue(next.Predict(input).Value * 2));
        var plusOne = Guidance.Create("plus one", (next, input) => next.Predict(input).WithValue(next.Predict(input).Value + 1));
        Near([.. Question(3, 0).Plain.Select(x => 2 * x + 1)], Question(3, 0).Under(Guidance.Compose(twice, plusOne)));
        Near([.. Question(3, 0).Plain.Select(x => 2 * (x + 1))], Question(3, 0).Under(plusOne.Then(twice)));
        Assert.Equal("twice, plus one", twice.Then(plusOne).Name);
    }

    [Fact]
    public void Conditionings_of_one_batch_have_the_same_tensors() => Assert.Throws<ArgumentException>(() =>
        Conditioning.Concat(Conditioning.None, Conditioning.FromText(Tensor.Ones([1, 1, 1]))));

    private static Asked Question(double wanted, double unwanted, double spread = 1)
    {
        float[] sample = [.. Enumerable.Range(0, 24).Select(i => (float)(spread * Math.Sin(i)))];
        return new(new DenoiserInput(Tensor.From(sample, [2, 2, 2, 3]), 500, Text(wanted)).WithUnconditional(Text(unwanted)));
    }

    private static Conditioning Text(double value) => Conditioning.FromText(Tensor.From([(float)value / 100, (float)value / 50], [2, 1, 1]));

    private static void Near(float[] expected, float[] actual)
    {
        double tolerance = 1e-5 * Math.Max(1, expected.Max(Math.Abs) * 10);
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    private sealed record Asked(DenoiserInput Input)
    {
        public float[] Plain => Toys.Conditional.Predict(Input).Value.ToArray();

        public float[] Under(params Guidance[] guidances) => Toys.Conditional.Guide(guidances).Predict(Input).Value.ToArray();
    }
}
