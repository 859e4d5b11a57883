using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

/// <summary>
/// An immutable array of numbers: a shape, an element type, a device, and either data or the expression that gives it.
/// Operations only build a graph; numbers are computed when somebody asks for them (<see cref="ToArray()"/>,
/// <see cref="Realize(CancellationToken)"/>). What is computed on the way is transient; only what was asked for stays.
/// Shapes are checked where the operation is written (<see cref="TensorShapeException"/>).
/// Memory is given back when a tensor is disposed or collected; disposing is optional and never changes a value.
/// </summary>
public sealed partial class Tensor : IDisposable
{
    private Expression? expression;
    private Storage? storage;

    internal Tensor(Primitive op, ImmutableArray<Tensor> inputs, Shape shape, ElementType type, Device device)
    {
        expression = new Expression(op, inputs);
        Shape = shape;
        ElementType = type;
        Device = device;
    }

    internal Tensor(Storage storage, Shape shape, Device device)
    {
        this.storage = storage;
        Shape = shape;
        ElementType = storage.Layout.Type;
        Device = device;
    }

    /// <summary>Lengths of the axes, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>How elements are stored. Arithmetic is float32 whatever the storage (float64 for Float64).</summary>
    public ElementType ElementType { get; }

    /// <summary>Where the data lies or will be computed.</summary>
    public Device Device { get; }

    /// <summary>Number of axes.</summary>
    public int Rank => Shape.Rank;

    /// <summary>Whether the numbers are there already.</summary>
    public bool IsRealized => storage is not null;

    /// <summary>Which reading of the graph saw this tensor last; used under the device's lock only.</summary>
    internal int CaptureEpoch { get; set; }

    /// <summary>See <see cref="CaptureEpoch"/>.</summary>
    internal object? CaptureOwner { get; set; }

    /// <summary>The tensor's number in that reading.</summary>
    internal int CaptureIndex { get; set; }

    /// <summary>The expression, or none once realised (so that its inputs can be freed).</summary>
    internal Expression? Expression => expression;

    /// <summary>The data, or none before it is realised.</summary>
    internal Storage? Storage => storage;

    /// <summary>Computes the numbers now, if they aren't there. Gives the tensor itself.</summary>
    /// <exception cref="OperationCanceledException">Cancelled between two kernels; everything transient is freed.</exception>
    public Tensor Realize(CancellationToken cancel = default)
    {
        if (!IsRealized)
            Device.Run([this], cancel);
        return this;
    }

    /// <summary>Computes several tensors in one go, sharing what they have in common.</summary>
    public static void Realize(IReadOnlyList<Tensor> tensors, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var missing = tensors.Where(t => !t.IsRealized).Distinct().ToArray();
        foreach (var group in missing.GroupBy(t => t.Device))
            group.Key.Run([.. group], cancel);
    }

    /// <summary>Gives back the memory. The tensor can't be read afterwards; tensors that share the memory still can.</summary>
    public void Dispose()
    {
        if (Volatile.Read(ref storage) is not { } held)
            return;
        held.Dispose();
        expression = null;
    }

    /// <summary>Sets the computed data; the expression is dropped, so that its inputs can be freed.</summary>
    internal void Complete(Storage computed)
    {
        if (Interlocked.CompareExchange(ref storage, computed, null) is null)
            expression = null;
        else
            computed.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"Tensor{Shape} {ElementType} on {Device.Name}{(storage is null ? $", to be computed by {expression?.Op.Name}" : "")}";

    internal static void RequireSameDevice(string operation, params ReadOnlySpan<Tensor> tensors)
    {
        for (int i = 1; i < tensors.Length; i++)
        {
            if (tensors[i].Device != tensors[0].Device)
                throw new TensorShapeException($"{operation}: tensors are on {tensors[0].Device.Name} and {tensors[i].Device.Name}; move one with To(device).");
        }
    }
}

/// <summary>How a tensor is computed.</summary>
internal sealed record Expression(Primitive Op, ImmutableArray<Tensor> Inputs);
