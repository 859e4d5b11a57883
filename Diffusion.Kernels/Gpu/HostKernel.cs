using Diffusion.Kernels.Reference;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Runs the float64 reference on the host for a launch over device memory: slow, and named <c>host</c> in a plan's report.
/// It is for float64 operands only.
/// </summary>
internal static class HostKernel
{
    /// <summary>Prepares a validated spec.</summary>
    public static PreparedKernel Prepare(KernelSpec spec)
    {
        var inner = ReferenceKernels.Prepare(spec);
        var operands = spec.Operands;
        return new PreparedKernel(spec, "host", 0, [], (in arguments) =>
        {
            var device = arguments.Operands[0].Buffer.Backend;
            using var host = new ReferenceBackend();
            var slices = new BufferSlice[operands.Length];
            for (int i = 0; i < slices.Length; i++)
            {
                // What lies between the output's elements must be kept.
                var bytes = new byte[operands[i].Span * operands[i].Type.Size()];
                device.Download(arguments.Operands[i], bytes);
                slices[i] = new BufferSlice(host.Allocate(bytes.Length), 0);
                host.Upload(bytes, slices[i]);
            }
            inner.Launch(new KernelArguments { Operands = slices, Scalars = arguments.Scalars });
            var result = new byte[operands[^1].Span * operands[^1].Type.Size()];
            host.Download(slices[^1], result);
            device.Upload(result, arguments.Operands[^1]);
            foreach (var slice in slices)
                slice.Buffer.Dispose();
        });
    }
}
