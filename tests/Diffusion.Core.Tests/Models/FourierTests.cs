using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using FsCheck.Xunit;
using Xunit;
using static Diffusion.Core.Tests.Models.RandomModels;

namespace Diffusion.Core.Tests.Models;

public sealed class FourierTests
{
    [Property(MaxTest = 20)]
    public void Scaling_low_frequencies_is_linear_in_the_factor(int seed, byte height, byte width)
    {
        int h = 1 + height % 9, w = 1 + width % 9;
        var x = Values(seed, 1, 2, h, w);
        Close(x, Fourier.ScaleLowFrequencies(x, 1, 1), 1e-6);
        var once = Fourier.ScaleLowFrequencies(x, 1, 3) - x;
        Close(once * 2, Fourier.ScaleLowFrequencies(x, 1, 5) - x, 1e-5);
    }

    [Fact]
    public void All_frequencies_are_the_picture()
    {
        var x = Values(1, 1, 2, 6, 6);
        Close(x * 0.25, Fourier.ScaleLowFrequencies(x, 3, 0.25), 1e-5);
    }

    [Property(MaxTest = 20)]
    public void Power_is_kept(int seed)
    {
        var x = Values(seed, 1, 5, 7);
        Assert.Equal(x.Square().Sum().ToScalar() * 35, Fourier.Transform2d(x).Magnitude().Square().Sum().ToScalar(), 1e-2);
    }

    [Property(MaxTest = 50)]
    public void Sines_and_cosines_of_a_timestep_lie_on_circles(ushort timestep, bool flip)
    {
        var values = Embeddings.Timestep([timestep], 32, flip).ToArray();
        for (int i = 0; i < 16; i++)
            Assert.Equal(1, values[i] * values[i] + values[16 + i] * values[16 + i], 1e-5);
    }
}
