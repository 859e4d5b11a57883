using System.Runtime.InteropServices;
using System.Text;

namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Runs a case on a backend and on the float64 reference, and compares every byte of the output's memory.</summary>
public static class ContractRunner
{
    private const byte Untouched = 0x5A;

    /// <summary>Fails unless the backend agrees with the reference.</summary>
    public static void Check(IKernelBackend backend, ContractCase test)
    {
        using var reference = new ReferenceBackend();
        var operands = test.Spec.Operands;
        var places = Places(test);
        byte[] expected = Run(reference, test, places, repeat: false);
        byte[] actual = Run(backend, test, places, repeat: true);
        var output = operands[^1];
        long first = places[^1].Offset;
        var written = new bool[expected.Length];
        int size = output.Type.Size();
        for (long i = 0; i < output.Count; i++)
        {
            long at = first + Place.ElementOffset(output, i) * size;
            for (int b = 0; b < size; b++)
                written[at + b] = true;
            double want = Place.Read(output.Type, expected.AsSpan((int)at)), got = Place.Read(output.Type, actual.AsSpan((int)at));
            if (!Close(test, output.Type, want, got))
                Assert.Fail($"{test.Name}: element {i} of {output} is {got:R}, expected {want:R}.");
        }
        for (int i = 0; i < actual.Length; i++)
        {
            if (!written[i] && actual[i] != Untouched)
                Assert.Fail($"{test.Name}: byte {i - first} relative to the output {output} was overwritten.");
        }
    }

    /// <summary>The bytes that a backend leaves in the output's memory.</summary>
    public static byte[] Output(IKernelBackend backend, ContractCase test) => Run(backend, test, Places(test), repeat: false);

    private static Place[] Places(ContractCase test)
    {
        var random = new Random(Seed(test.Name));
        var operands = test.Spec.Operands;
        var places = new Place[operands.Length];
        for (int i = 0; i < places.Length; i++)
        {
            int operand = i;
            places[i] = Place.Create(operands[i], i == operands.Length - 1 ? null : (index, r) => Value(test, operand, index, r), random);
        }
        return places;
    }

    /// <summary>Launches a kernel several times on host memory and fails if that allocates managed memory.</summary>
    public static void CheckAllocatesNothing(IKernelBackend backend, ContractCase test)
    {
        var random = new Random(1);
        var kernel = backend.Prepare(test.Spec);
        var places = test.Spec.Operands.Select((o, i) => Place.Create(o, (index, r) => Value(test, i, index, r), random)).ToArray();
        var slices = places.Select(p => p.Upload(backend)).ToArray();
        Pack(backend, kernel, slices);
        var workspace = backend.Allocate(kernel.WorkspaceBytes);
        double[] scalars = [.. test.Scalars];
        // The first runs may compile, and a collection that another thread begins counts what was left of this thread's room: the least counts.
        long allocated = long.MaxValue;
        for (int i = 0; i < 6; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            kernel.Launch(new KernelArguments { Operands = slices, Scalars = scalars, Workspace = new BufferSlice(workspace, 0) });
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        workspace.Dispose();
        foreach (var slice in slices)
            slice.Buffer.Dispose();
        Assert.Equal(0, allocated);
    }

    private static byte[] Run(IKernelBackend backend, ContractCase test, Place[] places, bool repeat)
    {
        var kernel = backend.Prepare(test.Spec);
        Assert.Equal(test.Spec, kernel.Spec);
        var slices = places.Select(p => p.Upload(backend)).ToArray();
        Pack(backend, kernel, slices);
        using var workspace = backend.Allocate(kernel.WorkspaceBytes);
        double[] scalars = [.. test.Scalars];
        // Twice: a launch must not depend on what is in its workspace or output.
        for (int i = 0; i < (repeat ? 2 : 1); i++)
            kernel.Launch(new KernelArguments { Operands = slices, Scalars = scalars, Workspace = new BufferSlice(workspace, 0) });
        var result = new byte[places[^1].Bytes.Length];
        backend.Download(new BufferSlice(slices[^1].Buffer, 0), result);
        foreach (var slice in slices)
            slice.Buffer.Dispose();
        return result;
    }

    private static void Pack(IKernelBackend backend, PreparedKernel kernel, BufferSlice[] slices)
    {
        foreach (var packing in kernel.Packings)
        {
            var packed = new BufferSlice(backend.Allocate(packing.Bytes), 0);
            packing.Pack(slices[packing.Operand], packed);
            slices[packing.Operand].Buffer.Dispose();
            slices[packing.Operand] = packed;
        }
    }

    private static double Value(ContractCase test, int operand, long index, Random random) =>
        test.Data is { } data ? data(operand, index, random) : random.NextDouble() * 4 - 2;

    private static bool Close(ContractCase test, ElementType type, double want, double got)
    {
        if (!type.IsFloat())
            return test.ExactIntegers ? want == got : Math.Abs(want - got) <= 1;
        if (double.IsNaN(want) || double.IsInfinity(want))
            return want.Equals(got);
        double rounding = type switch { ElementType.Float16 => 1.0 / 1024, ElementType.BFloat16 => 1.0 / 128, _ => 0 };
        return Math.Abs(want - got) <= (test.Tolerance + rounding) * (1 + Math.Abs(want));
    }

    private static int Seed(string name)
    {
        uint hash = 2166136261;
        foreach (byte b in Encoding.UTF8.GetBytes(name))
            hash = (hash ^ b) * 16777619;
        return (int)(hash & int.MaxValue);
    }

    /// <summary>An operand's bytes: its elements at an odd offset in a buffer that is otherwise a pattern.</summary>
    private sealed record Place(byte[] Bytes, long Offset)
    {
        public static Place Create(Layout layout, Func<long, Random, double>? value, Random random)
        {
            int size = layout.Type.Size();
            long offset = 3 * size;
            var bytes = new byte[offset + layout.Span * size + 7 * size];
            Array.Fill(bytes, Untouched);
            for (long i = 0; value is not null && i < layout.Count; i++)
                Write(layout.Type, bytes.AsSpan((int)(offset + ElementOffset(layout, i) * size)), value(i, random));
            return new Place(bytes, offset);
        }

        public BufferSlice Upload(IKernelBackend backend)
        {
            var buffer = backend.Allocate(Bytes.Length);
            backend.Upload(Bytes, new BufferSlice(buffer, 0));
            return new BufferSlice(buffer, Offset);
        }

        public static long ElementOffset(Layout layout, long index)
        {
            long offset = 0;
            for (int i = layout.Rank - 1; i >= 0; i--)
            {
                offset += index % layout.Shape[i] * layout.Strides[i];
                index /= layout.Shape[i];
            }
            return offset;
        }

        public static double Read(ElementType type, ReadOnlySpan<byte> at) => type switch
        {
            ElementType.Float32 => MemoryMarshal.Read<float>(at),
            ElementType.Float64 => MemoryMarshal.Read<double>(at),
            ElementType.Float16 => (double)MemoryMarshal.Read<Half>(at),
            ElementType.BFloat16 => BitConverter.Int32BitsToSingle(MemoryMarshal.Read<short>(at) << 16),
            ElementType.Int8 => (sbyte)at[0],
            ElementType.UInt8 => at[0],
            ElementType.Int32 => MemoryMarshal.Read<int>(at),
            _ => MemoryMarshal.Read<long>(at),
        };

        private static void Write(ElementType type, Span<byte> at, double value)
        {
            switch (type)
            {
                case ElementType.Float32: MemoryMarshal.Write(at, (float)value); break;
                case ElementType.Float64: MemoryMarshal.Write(at, value); break;
                case ElementType.Float16: MemoryMarshal.Write(at, (Half)value); break;
                case ElementType.BFloat16: MemoryMarshal.Write(at, (short)(BitConverter.SingleToInt32Bits((float)value) >> 16)); break;
                case ElementType.Int8: at[0] = (byte)(sbyte)Math.Round(value); break;
                case ElementType.UInt8: at[0] = (byte)Math.Abs(Math.Round(value)); break;
                case ElementType.Int32: MemoryMarshal.Write(at, (int)Math.Round(value)); break;
                default: MemoryMarshal.Write(at, (long)Math.Round(value)); break;
            }
        }
    }
}
