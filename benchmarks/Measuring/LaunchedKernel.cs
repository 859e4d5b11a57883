using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Measuring;

/// <summary>A kernel with operands of small random numbers.</summary>
internal sealed class LaunchedKernel : IDisposable
{
    private readonly PreparedKernel kernel;
    private readonly BufferSlice[] operands;
    private readonly DeviceBuffer workspace;

    public LaunchedKernel(IKernelBackend backend, KernelSpec spec)
    {
        kernel = backend.Prepare(spec);
        workspace = backend.Allocate(kernel.WorkspaceBytes);
        operands = [.. spec.Operands.Select(layout => Random(backend, layout))];
        foreach (var packing in kernel.Packings)
        {
            var packed = new BufferSlice(backend.Allocate(packing.Bytes), 0);
            packing.Pack(operands[packing.Operand], packed);
            operands[packing.Operand].Buffer.Dispose();
            operands[packing.Operand] = packed;
        }
    }

    public string Algorithm => kernel.Algorithm;

    public void Launch() => kernel.Launch(new KernelArguments { Operands = operands, Workspace = new BufferSlice(workspace, 0) });

    public void Dispose()
    {
        workspace.Dispose();
        foreach (var operand in operands)
            operand.Buffer.Dispose();
    }

    private static BufferSlice Random(IKernelBackend backend, Layout layout)
    {
        var random = new Random(1);
        var bytes = new byte[layout.Span * layout.Type.Size()];
        random.NextBytes(bytes);
        var slice = new BufferSlice(backend.Allocate(bytes.Length), 0);
        if (layout.Type == ElementType.Float32)
            System.Runtime.InteropServices.MemoryMarshal.Cast<float, byte>(Enumerable.Range(0, bytes.Length / 4).Select(_ => random.NextSingle() - 0.5f).ToArray()).CopyTo(bytes);
        if (layout.Type == ElementType.Float16)
            System.Runtime.InteropServices.MemoryMarshal.Cast<Half, byte>(Enumerable.Range(0, bytes.Length / 2).Select(_ => (Half)(random.NextSingle() * 0.01f)).ToArray()).CopyTo(bytes);
        backend.Upload(bytes, slice);
        return slice;
    }
}
