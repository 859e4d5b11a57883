using Diffusion.Core.Formats;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;
using Xunit;

namespace Diffusion.Dsl.Tests.Denoising;

public sealed class StepFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("diffusion-").FullName;

    private string File => Path.Combine(folder, "step.safetensors");

    [Theory]
    [MemberData(nameof(DenoisingLoopTests.Schedulers), MemberType = typeof(DenoisingLoopTests))]
    public void A_run_goes_on_from_a_file_with_the_same_numbers(string scheduler)
    {
        var loop = Toys.Loop(scheduler, 6);
        var whole = loop.Steps().ToArray();
        foreach (var step in whole)
        {
            StepFile.Save(step, File);
            var read = StepFile.Load(File, Core.Devices.Device.Cpu);
            Assert.Equal((step.Index, step.Count, step.Timestep), (read.Index, read.Count, read.Timestep));
            Assert.Equal(step.PredictedOriginal.ToArray(), read.PredictedOriginal.ToArray());
            Assert.Equal(step.Generators.AsEnumerable(), read.Generators.AsEnumerable());
            Assert.Equal(whole[^1].Sample.ToArray(), loop.From(read).Run(cancel: TestContext.Current.CancellationToken).Sample.ToArray());
        }
    }

    [Fact]
    public void An_own_schedulers_memory_is_refused()
    {
        var own = Scheduler.Create("own", _ => 0, (memory, step) => new SolverResult<int>(step.Denoised, memory + 1));
        var step = DenoisingLoop.FromNoise(Toys.Denoiser, own.Timetable(3), [1, 1, 2, 2], [1], Core.Devices.Device.Cpu).Steps().First();
        Assert.Throws<NotSupportedException>(() => StepFile.Save(step, File));
    }

    [Fact]
    public void Another_file_is_refused()
    {
        SafetensorsWriter.Save(File, [TensorBytes.OfFloats("sample", [1], [1f])], System.Collections.Immutable.ImmutableDictionary<string, string>.Empty);
        Assert.Throws<CheckpointException>(() => StepFile.Load(File, Core.Devices.Device.Cpu));
        Assert.Throws<CheckpointException>(() => StepFile.Load(Path.Combine(folder, "absent"), Core.Devices.Device.Cpu));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
