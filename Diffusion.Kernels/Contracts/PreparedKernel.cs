using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>What a launch gets: where the operands are and the host scalars. Valid during the call only.</summary>
public readonly ref struct KernelArguments
{
    /// <summary>The operands' first elements, in the order of <see cref="KernelSpec.Operands"/> (output last).</summary>
    public ReadOnlySpan<BufferSlice> Operands { get; init; }

    /// <summary>Host scalars of the epilogue or program, in its numbering.</summary>
    public ReadOnlySpan<double> Scalars { get; init; }

    /// <summary>Scratch of at least <see cref="PreparedKernel.WorkspaceBytes"/>, 64-byte aligned; undefined content.</summary>
    public BufferSlice Workspace { get; init; }
}

/// <summary>Runs a prepared kernel. Launches of one backend are ordered; when it returns, host memory is written (CPU).</summary>
public delegate void KernelLaunch(in KernelArguments arguments);

/// <summary>Rewrites a constant operand into the layout that the kernel reads.</summary>
/// <param name="source">First element of the operand as the spec describes it.</param>
/// <param name="target">At least <see cref="OperandPacking.Bytes"/>, 64-byte aligned.</param>
public delegate void PackOperand(BufferSlice source, BufferSlice target);

/// <summary>A constant operand that the kernel wants repacked once; the launch is then given the packed memory.</summary>
/// <param name="Operand">Index into <see cref="KernelSpec.Operands"/>.</param>
/// <param name="Key">Names the packed format; two kernels with the same key for the same operand can share one packing.</param>
/// <param name="Bytes">Size of the packed form.</param>
/// <param name="Pack">Does it.</param>
public sealed record OperandPacking(int Operand, string Key, long Bytes, PackOperand Pack);

/// <summary>A kernel that is ready to run any number of times, on any operands of its layouts.</summary>
/// <param name="Spec">What it computes.</param>
/// <param name="Algorithm">Which way was chosen, for diagnostics (<c>winograd-4x4</c>, <c>implicit-gemm</c>, <c>gemv</c>, …).</param>
/// <param name="WorkspaceBytes">Scratch that a launch needs.</param>
/// <param name="Packings">Constant operands to repack first; empty when none.</param>
/// <param name="Launch">Runs it. Allocates no managed memory.</param>
public sealed record PreparedKernel(
    KernelSpec Spec, string Algorithm, long WorkspaceBytes, ImmutableArray<OperandPacking> Packings, KernelLaunch Launch);
