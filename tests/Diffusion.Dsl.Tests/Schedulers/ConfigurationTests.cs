using Diffusion.Dsl.Schedulers;
using Xunit;
using Scheduling = Diffusion.Dsl.Schedulers.Schedulers;

namespace Diffusion.Dsl.Tests.Schedulers;

public sealed class ConfigurationTests
{
    private const string Published = """
        {
          "_class_name": "PNDMScheduler",
          "_diffusers_version": "0.6.0",
          "beta_end": 0.012,
          "beta_schedule": "scaled_linear",
          "beta_start": 0.00085,
          "clip_sample": false,
          "lambda_min_clipped": -Infinity,
          "a_field_of_the_future": {"x": [1, -Infinity, "NaN in a text"]},
          "set_alpha_to_one": false,
          "skip_prk_steps": true,
          "steps_offset": 1,
          "trained_betas": null
        }
        """;

    [Fact]
    public void A_published_file_survives_reading_and_writing()
    {
        var config = SchedulerConfig.FromJson(Published);
        Assert.Equal(config, SchedulerConfig.FromJson(config.ToJson()));
        Assert.Contains("\"lambda_min_clipped\": -Infinity", config.ToJson(), StringComparison.Ordinal);
        Assert.Contains("""{"x": [1, -Infinity, "NaN in a text"]}""", config.ToJson(), StringComparison.Ordinal);
        Assert.Contains("_diffusers_version", config.Given);
    }

    [Fact]
    public void What_a_class_does_not_know_counts_in_the_next()
    {
        var pndm = Scheduling.FromConfig(Published);
        Assert.False(pndm.Config.Knows("clip_sample"));
        var ddim = pndm.As("DDIM");
        Assert.Equal("DDIMScheduler", ddim.Name);
        Assert.False(ddim.Config.ClipSample);
        Assert.Equal(1, ddim.Config.StepsOffset);
        Assert.Equal("leading", ddim.Config.TimestepSpacing);
        Assert.Equal("linspace", pndm.As("DPMSolverMultistepScheduler").Config.TimestepSpacing);
        Assert.Equal(pndm.Config, ddim.As("PNDM").Config);
    }

    [Fact]
    public void Missing_fields_have_the_defaults_of_the_class()
    {
        Assert.True(SchedulerConfig.Default("DDIMScheduler").ClipSample);
        Assert.False(SchedulerConfig.Default("LCMScheduler").ClipSample);
        Assert.Equal(0.02, SchedulerConfig.Default("DDIMScheduler").BetaEnd);
        Assert.Equal(0.012, SchedulerConfig.Default("HeunDiscreteScheduler").BetaEnd);
        Assert.Equal(double.NegativeInfinity, SchedulerConfig.Default("DPMSolverMultistepScheduler").LambdaMinClipped);
    }

    [Fact]
    public void Every_scheduler_of_the_catalogue_can_be_made_and_exchanged()
    {
        Assert.Equal(32, Scheduling.All.Length);
        Assert.Equal(Scheduling.All.Length, Scheduling.All.Select(info => info.ClassName).Distinct().Count());
        foreach (var info in Scheduling.All.Where(info => info.Exchangeable))
        {
            Assert.Contains("PNDMScheduler", info.CompatibleWith);
            Assert.Equal(info.ClassName, Scheduling.FromConfig(Published).As(info.Name).Name);
            Assert.Equal(info.CallsPerStep, info.Create().Timetable(20).Order);
        }
    }

    [Fact]
    public void An_unknown_class_lists_the_known_ones()
    {
        var error = Assert.Throws<ArgumentException>(() => Scheduling.FromConfig("""{"_class_name": "EulerishScheduler"}"""));
        Assert.Contains("EulerishScheduler", error.Message, StringComparison.Ordinal);
        Assert.Contains("DDIMScheduler", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"_class_name": 3}""")]
    [InlineData("""{"_class_name": "DDIMScheduler", "beta_start": 0.1, "beta_start": 0.2}""")]
    [InlineData("""{"_class_name": "DDIMScheduler"} x""")]
    public void What_is_not_a_configuration_is_refused(string json) => Assert.Throws<FormatException>(() => Scheduling.FromConfig(json));

    [Theory]
    [InlineData("beta_end", "1.0")]
    [InlineData("beta_end", "0.00001")]
    [InlineData("beta_start", "NaN")]
    [InlineData("beta_start", "-0.1")]
    [InlineData("beta_start", "\"much\"")]
    [InlineData("num_train_timesteps", "0")]
    [InlineData("num_train_timesteps", "3.5")]
    [InlineData("trained_betas", "[0.1, 1.5]")]
    [InlineData("trained_betas", "7")]
    [InlineData("prediction_type", "\"wish\"")]
    [InlineData("beta_schedule", "\"steep\"")]
    [InlineData("timestep_spacing", "\"random\"")]
    [InlineData("dynamic_thresholding_ratio", "1.5")]
    [InlineData("clip_sample", "\"yes\"")]
    [InlineData("clip_sample_range", "-1")]
    public void Impossible_values_are_refused_by_name(string field, string json)
    {
        var config = SchedulerConfig.Default("DDIMScheduler").With(field, json);
        var error = Assert.ThrowsAny<ArgumentException>(() => Scheduling.Create(config).Timetable(5).Over(SampleAlgebra.Double).Step(SchedulerState.Start, 0, 1, 1));
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
        Assert.Contains("DDIMScheduler", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DDIMScheduler", 0)]
    [InlineData("DDIMScheduler", -1)]
    [InlineData("DDIMScheduler", 1001)]
    [InlineData("DDPMScheduler", 1001)]
    [InlineData("LCMScheduler", 51)]
    [InlineData("EulerDiscreteScheduler", 0)]
    [InlineData("ConsistencyDecoderScheduler", 3)]
    [InlineData("UnCLIPScheduler", 1)]
    public void Impossible_numbers_of_steps_are_refused(string name, int steps) =>
        Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(() => Scheduling.ByName(name).Timetable(steps)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_predictor_of_its_own_for_unipc_is_refused_with_what_to_use_instead()
    {
        const string json = """{ "_class_name": "UniPCMultistepScheduler", "solver_p": { "_class_name": "DDIMScheduler" } }""";
        string message = Assert.Throws<NotSupportedException>(() => Scheduling.FromConfig(json)).Message;
        Assert.Contains("use null", message, StringComparison.Ordinal);
        Assert.Contains("DPMSolverMultistepScheduler", message, StringComparison.Ordinal);
        Assert.Equal("UniPCMultistepScheduler", Scheduling.FromConfig("""{ "_class_name": "UniPCMultistepScheduler", "solver_p": null }""").Name);
    }

    [Fact]
    public void Custom_timesteps_must_be_descending_whole_and_trained()
    {
        var options = new TimetableOptions();
        var ddpm = Scheduling.ByName("DDPM");
        Assert.Equal([900.0, 400, 10], ddpm.Timetable(options.WithTimesteps(900, 400, 10)).Timesteps);
        Assert.Throws<ArgumentException>(() => ddpm.Timetable(options.WithTimesteps(900, 900)));
        Assert.Throws<ArgumentException>(() => ddpm.Timetable(options.WithTimesteps(1000, 5)));
        Assert.Throws<ArgumentException>(() => ddpm.Timetable(options.WithTimesteps(10.5)));
        Assert.Throws<NotSupportedException>(() => Scheduling.ByName("DDIM").Timetable(options.WithTimesteps(900, 400)));
    }

    [Fact]
    public void A_run_that_begins_too_far_or_without_its_noise_says_so()
    {
        var heun = Scheduling.ByName("Heun").Timetable(10);
        Assert.Throws<ArgumentOutOfRangeException>(() => heun.From(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => heun.From(20));
        Assert.Equal(8, heun.From(8).Begin);
        var ddpm = Scheduling.ByName("DDPM").Timetable(10).Over(SampleAlgebra.Double);
        Assert.Contains("noise", Assert.Throws<ArgumentException>(() => ddpm.Step(ddpm.Start, 0, 1, 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => ddpm.Step(ddpm.Start, 10, 1, 1));
    }
}
