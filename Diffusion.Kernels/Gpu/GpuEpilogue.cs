using System.Collections.Immutable;

namespace Diffusion.Kernels.Gpu;

/// <summary>The host's half of the machine: a program ready to be bound to a launch's operands.</summary>
internal sealed class GpuEpilogue
{
    private readonly GpuMachine template;
    private readonly int inputs;
    private readonly int scalars;

    private GpuEpilogue(GpuMachine template, int inputs, int scalars)
    {
        this.template = template;
        this.inputs = inputs;
        this.scalars = scalars;
    }

    /// <summary>A kernel's epilogue over up to four axes of its output; null if the machine can't run it.</summary>
    public static GpuEpilogue? Create(GpuContext context, Epilogue epilogue, Layout output) =>
        Create(context, epilogue.Program, epilogue.Inputs, output, 1);

    /// <summary>A program whose inputs are all operands; null if the machine can't run it.</summary>
    public static GpuEpilogue? Create(GpuContext context, ElementwiseProgram program, ImmutableArray<Layout> inputs, Layout output) =>
        Create(context, program, inputs, output, 0);

    /// <summary>Whether the machine can run an epilogue.</summary>
    public static bool Fits(Epilogue epilogue) =>
        epilogue.IsNone || !GpuProgram.Encode(epilogue.Program, epilogue.Program.InputCount - epilogue.Inputs.Length).IsEmpty;

    private static GpuEpilogue? Create(GpuContext context, ElementwiseProgram program, ImmutableArray<Layout> inputs, Layout output, int results)
    {
        var code = ImmutableArray<int>.Empty;
        bool plain = results == 1 && program.Code.IsEmpty && inputs.IsEmpty;
        if (!plain)
        {
            code = GpuProgram.Encode(program, results);
            if (code.IsEmpty)
                return null;
        }
        var machine = new GpuMachine { Code = context.Table(code), Count = code.Length / GpuMachine.Words, Output = GpuContext.Operand(output) };
        for (int i = 0; i < inputs.Length; i++)
            Input(ref machine, i) = GpuContext.Operand(inputs[i]);
        return new GpuEpilogue(machine, inputs.Length, program.ScalarCount);
    }

    /// <summary>The machine for one launch.</summary>
    /// <param name="operands">The launch's operands; the program's inputs and the output are the last ones.</param>
    /// <param name="values">The launch's scalars.</param>
    /// <param name="output">Elements to add to the output's place.</param>
    /// <param name="offsets">Elements to add to each input's place; empty for none.</param>
    public GpuMachine Bind(ReadOnlySpan<BufferSlice> operands, ReadOnlySpan<double> values, long output = 0, ReadOnlySpan<long> offsets = default)
    {
        var machine = template;
        var own = operands[^(inputs + 1)..];
        for (int i = 0; i < inputs; i++)
        {
            ref var input = ref Input(ref machine, i);
            GpuContext.Bind(ref input, Moved(own[i], input.Type, offsets.IsEmpty ? 0 : offsets[i]));
        }
        GpuContext.Bind(ref machine.Output, Moved(own[^1], machine.Output.Type, output));
        // A view of no memory can't be passed; unused operands point somewhere.
        for (int i = inputs; i < GpuMachine.MaxInputs; i++)
            Input(ref machine, i).Words = machine.Output.Words;
        for (int i = 0; i < scalars; i++)
            Scalar(ref machine, i) = (float)values[i];
        return machine;
    }

    private static BufferSlice Moved(BufferSlice slice, int type, long elements) =>
        slice with { ByteOffset = slice.ByteOffset + elements * ((ElementType)type).Size() };

    private static ref GpuOperand Input(ref GpuMachine machine, int index)
    {
        switch (index)
        {
            case 0: return ref machine.I0;
            case 1: return ref machine.I1;
            case 2: return ref machine.I2;
            case 3: return ref machine.I3;
            case 4: return ref machine.I4;
            default: return ref machine.I5;
        }
    }

    private static ref float Scalar(ref GpuMachine machine, int index)
    {
        switch (index)
        {
            case 0: return ref machine.S0;
            case 1: return ref machine.S1;
            case 2: return ref machine.S2;
            case 3: return ref machine.S3;
            case 4: return ref machine.S4;
            case 5: return ref machine.S5;
            case 6: return ref machine.S6;
            default: return ref machine.S7;
        }
    }
}
