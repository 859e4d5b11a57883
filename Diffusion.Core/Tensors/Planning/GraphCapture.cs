using Diffusion.Core.Tensors.Graph;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>
/// A graph read off its roots: nodes in an order where inputs come first, numbered, with a structural key. Reused from one
/// realisation to the next, so that a steady loop allocates nothing here. One at a time per device (under its lock).
/// </summary>
internal sealed class GraphCapture
{
    private readonly List<(Tensor Tensor, int NextInput)> stack = [];
    private int epoch;

    /// <summary>All nodes, inputs before users.</summary>
    public List<Tensor> Nodes { get; } = [];

    /// <summary>Primitives of the nodes, in order; a realised tensor has <see cref="LeafMark"/>.</summary>
    public List<Primitive> Operations { get; } = [];

    /// <summary>Everything else that makes two graphs the same: inputs, shapes, types, leaf layouts, roots.</summary>
    public List<long> Structure { get; } = [];

    /// <summary>Realised tensors, in order of their nodes.</summary>
    public List<Tensor> Leaves { get; } = [];

    /// <summary>Values of the constants, in order of their nodes.</summary>
    public List<double> Scalars { get; } = [];

    /// <summary>Hash of operations and structure.</summary>
    public int Hash { get; private set; }

    /// <summary>Reads the graph.</summary>
    public void Read(IReadOnlyList<Tensor> roots)
    {
        Clear();
        epoch++;
        foreach (var root in roots)
            Visit(root);
        Structure.Add(-1);
        foreach (var root in roots)
            Structure.Add(root.CaptureIndex);
        var hash = default(HashCode);
        foreach (var op in Operations)
            hash.Add(op);
        foreach (long n in Structure)
            hash.Add(n);
        Hash = hash.ToHashCode();
    }

    /// <summary>Forgets everything, so that the tensors can be collected.</summary>
    public void Clear()
    {
        Nodes.Clear();
        Operations.Clear();
        Structure.Clear();
        Leaves.Clear();
        Scalars.Clear();
        stack.Clear();
    }

    /// <summary>Whether a plan made for this key fits the graph.</summary>
    public bool Matches(PlanKey key) =>
        key.Hash == Hash && key.Structure.Length == Structure.Count && key.Operations.Length == Operations.Count
        && System.Runtime.InteropServices.CollectionsMarshal.AsSpan(Structure).SequenceEqual(key.Structure)
        && SameOperations(key.Operations);

    private bool SameOperations(Primitive[] other)
    {
        for (int i = 0; i < other.Length; i++)
        {
            if (!ReferenceEquals(other[i], Operations[i]) && !other[i].Equals(Operations[i]))
                return false;
        }
        return true;
    }

    // An explicit stack: a long loop of lazy operations must not overflow the thread's.
    private void Visit(Tensor root)
    {
        if (!Enter(root))
            return;
        while (stack.Count > 0)
        {
            var (tensor, next) = stack[^1];
            var inputs = tensor.Expression?.Inputs ?? [];
            if (tensor.IsRealized || next >= inputs.Length)
            {
                stack.RemoveAt(stack.Count - 1);
                Add(tensor);
                continue;
            }
            stack[^1] = (tensor, next + 1);
            Enter(inputs[next]);
        }
    }

    private bool Enter(Tensor tensor)
    {
        if (tensor.CaptureEpoch == epoch && tensor.CaptureOwner == this)
            return false;
        tensor.CaptureEpoch = epoch;
        tensor.CaptureOwner = this;
        stack.Add((tensor, 0));
        return true;
    }

    private void Add(Tensor tensor)
    {
        tensor.CaptureIndex = Nodes.Count;
        Nodes.Add(tensor);
        Structure.Add((long)tensor.ElementType << 8 | (uint)tensor.Rank);
        foreach (int n in tensor.Shape.Lengths)
            Structure.Add(n);
        if (tensor.Storage is { } storage)
        {
            Operations.Add(LeafMark.Instance);
            Leaves.Add(tensor);
            Structure.Add(storage.Constant ? 1 : 0);
            foreach (long s in storage.Layout.Strides)
                Structure.Add(s);
            return;
        }
        var expression = tensor.Expression!;
        Operations.Add(expression.Op);
        Structure.Add(expression.Inputs.Length);
        foreach (var input in expression.Inputs)
            Structure.Add(input.CaptureIndex);
        if (expression.Op is ConstantOp constant)
            Scalars.Add(constant.Value);
    }
}

/// <summary>Stands for a realised tensor in a key.</summary>
internal sealed record LeafMark : Primitive
{
    public static LeafMark Instance { get; } = new();
}

/// <summary>What two graphs that can share a plan have in common.</summary>
internal sealed record PlanKey(int Hash, Primitive[] Operations, long[] Structure);
