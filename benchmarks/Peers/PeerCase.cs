using Diffusion.Core.Devices;

namespace Diffusion.Benchmarks.Peers;

/// <summary>One thing that we and others do.</summary>
/// <param name="Name">Without blanks.</param>
/// <param name="Gigaflops">By the plain definition; 0 where bytes count.</param>
/// <param name="IsQuick">Part of a quick run.</param>
/// <param name="Create">Makes the inputs, ours on a device.</param>
internal sealed record PeerCase(string Name, double Gigaflops, bool IsQuick, Func<Device, PeerRun> Create)
{
    /// <summary>A whole network: one run takes so long that it is a sample.</summary>
    public bool IsWhole => Gigaflops > 100;

    /// <summary>How far results may differ, relative to the largest. Two ways to sum up a few thousand products agree to much less.</summary>
    public double Agreement { get; init; } = 1e-3;
}

/// <summary>A case ready to run.</summary>
/// <param name="Ours">Computes and frees the result.</param>
/// <param name="Result">Our result in row-major order.</param>
/// <param name="Peers">Who else does it; libtorch first.</param>
/// <param name="Free">Gives the memory back.</param>
internal sealed record PeerRun(Action Ours, Func<float[]> Result, Peer[] Peers, Action Free);

/// <summary>Somebody else's way of doing a case.</summary>
/// <param name="Name"><c>libtorch</c> or <c>onnxruntime</c>.</param>
/// <param name="Ways">The same in each of the layouts or forms that it has; the fastest counts.</param>
/// <param name="Result">The first way's result in row-major order.</param>
internal sealed record Peer(string Name, Action[] Ways, Func<float[]> Result);
