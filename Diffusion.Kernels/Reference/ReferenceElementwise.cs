namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="ElementwiseSpec"/> and <see cref="GatherSpec"/> mean.</summary>
internal static class ReferenceElementwise
{
    public static void Run(ElementwiseSpec spec, in ReferenceArguments arguments)
    {
        var output = arguments.Output;
        long count = spec.Output.Count;
        bool integers = spec.Program.Code.IsEmpty && !spec.Inputs[^1].Type.IsFloat() && !spec.Output.Type.IsFloat();
        var registers = new double[spec.Program.RegisterCount];
        for (long i = 0; i < count; i++)
        {
            if (integers)
            {
                var source = arguments[spec.Inputs.Length - 1];
                output.WriteInteger(output.Offset(i), source.ReadInteger(source.Offset(i)));
                continue;
            }
            for (int k = 0; k < spec.Inputs.Length; k++)
            {
                var input = arguments[k];
                registers[k] = input.Read(input.Offset(i));
            }
            output.Write(output.Offset(i), ReferenceProgram.Evaluate(spec.Program, registers, arguments.Scalars));
        }
    }

    public static void Run(GatherSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        var index = arguments[1];
        var y = arguments[2];
        bool integers = !spec.X.Type.IsFloat() && !spec.Y.Type.IsFloat();
        for (int o = 0; o < spec.Y.Shape[0]; o++)
        {
            for (int i = 0; i < spec.Y.Shape[1]; i++)
            {
                long row = index.ReadInteger(i * spec.Index.Strides[0]);
                if (row < 0 || row >= spec.X.Shape[1])
                    throw GatherSpec.OutOfRange(row, i, spec.X.Shape[1]);
                for (int r = 0; r < spec.Y.Shape[2]; r++)
                {
                    long from = o * spec.X.Strides[0] + row * spec.X.Strides[1] + r * spec.X.Strides[2];
                    long to = o * spec.Y.Strides[0] + i * spec.Y.Strides[1] + r * spec.Y.Strides[2];
                    if (integers)
                        y.WriteInteger(to, x.ReadInteger(from));
                    else
                        y.Write(to, x.Read(from));
                }
            }
        }
    }
}
