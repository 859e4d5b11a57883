using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Pipelines;

namespace Diffusion.Kernels.OpenCl.Tests;

/// <summary>Whole pictures, and tensors, on an OpenCL device.</summary>
public sealed class OpenClPictureTests(OpenClDevice fixture) : IClassFixture<OpenClDevice>
{
    [Fact]
    public void A_seed_gives_the_processors_picture()
    {
        _ = fixture.Backend;
        var expected = Picture(Device.Cpu);
        var actual = Picture(Device.Open("opencl"));
        int furthest = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(furthest <= 1, $"a level differs by {furthest}");
    }

    [Fact]
    public void Tensors_outlive_their_device_harmlessly()
    {
        _ = fixture.Backend;
        var device = new Device(GpuBackend.Open("opencl"));
        var x = Tensor.From([1f, 2f, 3f], [3], device);
        var y = (x + x).Realize();
        Assert.Equal([2f, 4f, 6f], y.ToArray());
        device.Dispose();
        Assert.Throws<ObjectDisposedException>(() => y.ToArray());
        Assert.Throws<ObjectDisposedException>(() => (x * x).ToArray());
        y.Dispose();
        x.Dispose();
    }

    [Fact]
    public void Names_give_shared_devices()
    {
        _ = fixture.Backend;
        Assert.Same(Device.Open("opencl"), Device.Open("OpenCL:0"));
        Assert.Same(Device.Cpu, Device.Open(" cpu"));
        Assert.Throws<ArgumentException>(() => Device.Open("cpu:1"));
        Assert.Throws<ArgumentException>(() => Device.Open("vulkan"));
        Assert.Throws<ArgumentException>(() => Device.Open("opencl:x"));
        Assert.Contains(Device.List(), f => f is { Kind: "cpu", Usable: true });
    }

    private static IEnumerable<int> Picture(Device device)
    {
        string at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Diffusion.slnx")))
            at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("The repository's root wasn't found.");
        var model = Model.Load(Path.Combine(at, "models", "shapes-64"), device);
        var pictures = model.TextToImage("a large red circle on a white background").Seed(42).Steps(20).GuidanceScale(5)
            .Run(cancel: TestContext.Current.CancellationToken);
        return pictures.Image.Pixels.Select(level => (int)level);
    }
}
