using System.Runtime.InteropServices;
using System.Text;

namespace Diffusion.Benchmarks.Peers;

/// <summary>An operation of an ONNX graph.</summary>
/// <param name="Type">The operator.</param>
/// <param name="Inputs">Names; empty for one that is left out.</param>
/// <param name="Output">The name of its first result; further ones get the number appended.</param>
/// <param name="Outputs">How many results.</param>
internal sealed record OnnxNode(string Type, string[] Inputs, string Output, int Outputs = 1)
{
    /// <summary>Whole numbers and lists of them, by name.</summary>
    public (string Name, long[] Values, bool IsList)[] Attributes { get; init; } = [];
}

/// <summary>A constant of an ONNX graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">TensorProto's number: 1 float32, 3 int8.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Data">Little-endian elements.</param>
internal sealed record OnnxConstant(string Name, int Type, long[] Shape, byte[] Data);

/// <summary>
/// Small ONNX models in memory: the few messages of onnx.proto3 that a graph of float32 inputs and outputs needs, written as protocol
/// buffers by hand. Field numbers are those of the file format.
/// </summary>
internal static class OnnxModel
{
    private const int Float = 1;

    /// <summary>A model of nodes in order of computation.</summary>
    /// <param name="opset">The version of the ai.onnx operators.</param>
    /// <param name="nodes">The operations; the last one's result is the model's, <c>y</c>.</param>
    /// <param name="inputs">Names and shapes of float32 inputs.</param>
    /// <param name="outputRank">How many axes <c>y</c> has.</param>
    /// <param name="constants">Weights.</param>
    public static byte[] Build(int opset, OnnxNode[] nodes, (string Name, long[] Shape)[] inputs, int outputRank, params OnnxConstant[] constants)
    {
        var graph = new ProtocolBuffer();
        foreach (var node in nodes)
            graph.Message(1, Node(node));
        graph.Text(2, "case");
        foreach (var constant in constants)
            graph.Message(5, Tensor(constant));
        foreach (var (name, shape) in inputs)
            graph.Message(11, Value(name, shape, shape.Length));
        graph.Message(12, Value("y", [], outputRank));
        var operators = new ProtocolBuffer();
        operators.Number(2, opset);
        var model = new ProtocolBuffer();
        // IR version 10 knows opset 23 in its runtime, and every one before.
        model.Number(1, 10);
        model.Message(7, graph);
        model.Message(8, operators);
        return model.ToArray();
    }

    private static ProtocolBuffer Node(OnnxNode node)
    {
        var message = new ProtocolBuffer();
        foreach (string input in node.Inputs)
            message.Text(1, input);
        for (int i = 0; i < node.Outputs; i++)
            message.Text(2, i == 0 ? node.Output : $"{node.Output}{i}");
        message.Text(4, node.Type);
        foreach (var (name, values, isList) in node.Attributes)
        {
            var attribute = new ProtocolBuffer();
            attribute.Text(1, name);
            foreach (long value in values)
                attribute.Number(isList ? 8 : 3, value);
            attribute.Number(20, isList ? 7 : 2);
            message.Message(5, attribute);
        }
        return message;
    }

    private static ProtocolBuffer Tensor(OnnxConstant constant)
    {
        var message = new ProtocolBuffer();
        foreach (long length in constant.Shape)
            message.Number(1, length);
        message.Number(2, constant.Type);
        message.Text(8, constant.Name);
        message.Bytes(9, constant.Data);
        return message;
    }

    // Lengths that aren't given are left open.
    private static ProtocolBuffer Value(string name, long[] lengths, int rank)
    {
        var shape = new ProtocolBuffer();
        for (int i = 0; i < rank; i++)
        {
            var length = new ProtocolBuffer();
            if (i < lengths.Length)
                length.Number(1, lengths[i]);
            else
                length.Text(2, $"{name}{i}");
            shape.Message(1, length);
        }
        var tensor = new ProtocolBuffer();
        tensor.Number(1, Float);
        tensor.Message(2, shape);
        var type = new ProtocolBuffer();
        type.Message(1, tensor);
        var message = new ProtocolBuffer();
        message.Text(1, name);
        message.Message(2, type);
        return message;
    }

    /// <summary>A message of the wire format: fields of numbers and of bytes.</summary>
    private sealed class ProtocolBuffer
    {
        private readonly List<byte> bytes = [];

        public void Number(int field, long value)
        {
            Varint((ulong)field << 3);
            Varint((ulong)value);
        }

        public void Bytes(int field, ReadOnlySpan<byte> value)
        {
            Varint((ulong)field << 3 | 2);
            Varint((ulong)value.Length);
            bytes.AddRange(value);
        }

        public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

        public void Message(int field, ProtocolBuffer value) => Bytes(field, CollectionsMarshal.AsSpan(value.bytes));

        public byte[] ToArray() => [.. bytes];

        private void Varint(ulong value)
        {
            for (; value >= 128; value >>= 7)
                bytes.Add((byte)(value | 128));
            bytes.Add((byte)value);
        }
    }
}
