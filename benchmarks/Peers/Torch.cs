using Diffusion.Benchmarks.Networks;
using TorchSharp;

namespace Diffusion.Benchmarks.Peers;

/// <summary>Tensors of libtorch over the arrays that we read too.</summary>
internal static class Torch
{
    /// <summary>The same memory.</summary>
    public static torch.Tensor Of(RandomArray array)
    {
        var stored = torch.frombuffer(array.Values.Array!, torch.ScalarType.Float32, array.Values.Count, array.Values.Offset).reshape([.. array.Stored.Lengths.Select(n => (long)n)]);
        return array.IsChannelsLast ? stored.permute(0, 3, 1, 2) : stored;
    }

    /// <summary>A copy in channels-last order, the layout in which libtorch's convolutions are fastest on most shapes.</summary>
    public static torch.Tensor ChannelsLast(torch.Tensor x) => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    public static float[] Read(torch.Tensor x) => x.contiguous().data<float>().ToArray();

    /// <summary>libtorch, in several layouts.</summary>
    public static Peer Peer(Func<torch.Tensor>[] ways) => new(
        "libtorch",
        [.. ways.Select(way => new Action(() =>
        {
            using var scope = torch.NewDisposeScope();
            way();
        }))],
        () =>
        {
            using var scope = torch.NewDisposeScope();
            return Read(ways[0]());
        });
}
