using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// output[i] = program(inputs[0][i], inputs[1][i], …), converted to the output's type (round to nearest even; integers
/// saturate after rounding towards zero, NaN gives 0). Covers copies, casts, transposition, broadcasting and slicing by strides.
/// The output may be the same memory as an input of the same layout; other overlaps are not allowed.
/// Integer inputs convert to float32, except that a program without code copies integers to integers exactly.
/// </summary>
/// <param name="Program">What to compute.</param>
/// <param name="Inputs">One layout an input, each with the output's shape.</param>
/// <param name="Output">Where it goes; strides must not be 0 along an axis longer than 1.</param>
public sealed record ElementwiseSpec(ElementwiseProgram Program, ImmutableArray<Layout> Inputs, Layout Output) : KernelSpec
{
    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => Inputs.Add(Output);

    /// <inheritdoc/>
    public override int ScalarCount => Program.ScalarCount;

    /// <inheritdoc/>
    public override void Validate()
    {
        Program.Validate("Elementwise");
        Require(Program.InputCount == Inputs.Length, "Elementwise", $"the program has {Program.InputCount} inputs, {Inputs.Length} operands were given.");
        foreach (var input in Inputs)
            Require(input.Shape.AsSpan().SequenceEqual(Output.Shape.AsSpan()), "Elementwise", $"input {input} hasn't the output's shape {Output}.");
        for (int i = 0; i < Output.Rank; i++)
            Require(Output.Shape[i] <= 1 || Output.Strides[i] != 0, "Elementwise", $"the output {Output} has a stride of 0, so elements would overwrite each other.");
    }
}
