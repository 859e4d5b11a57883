namespace Diffusion.Benchmarks.Peers;

/// <summary>One thing that we and libtorch both do.</summary>
/// <param name="Name">Without blanks.</param>
/// <param name="Gigaflops">By the plain definition; 0 where bytes count.</param>
/// <param name="IsQuick">Part of a quick run.</param>
/// <param name="Create">Makes the inputs.</param>
internal sealed record PeerCase(string Name, double Gigaflops, bool IsQuick, Func<PeerRun> Create);

/// <summary>A case ready to run.</summary>
/// <param name="Ours">Computes and frees the result.</param>
/// <param name="Theirs">The same on libtorch, in each of the layouts that it has; the fastest counts.</param>
/// <param name="Results">Both results in row-major order, to be compared.</param>
/// <param name="Free">Gives the memory back.</param>
internal sealed record PeerRun(Action Ours, Action[] Theirs, Func<(float[] Ours, float[] Theirs)> Results, Action Free);
