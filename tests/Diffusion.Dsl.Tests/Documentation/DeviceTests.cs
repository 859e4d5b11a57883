using Diffusion.Core.Devices;
using Diffusion.Dsl.Pipelines;
using Xunit;

namespace Diffusion.Dsl.Tests.Documentation;

/// <summary>The code of docs/devices.md.</summary>
public sealed class DeviceTests
{
    [Fact]
    public void A_model_is_loaded_on_a_device()
    {
        string folder = Path.Combine(Repository.Root, "models", "shapes-64");

        var device = Device.Open("cpu");            // or "cuda", "opencl", "cuda:1"; Device.Best() chooses
        var model = Model.Load(folder, device);

        Assert.Same(Device.Cpu, device);
        Assert.NotNull(model);
    }
}
