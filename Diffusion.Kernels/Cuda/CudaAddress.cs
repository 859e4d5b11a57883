using Diffusion.Kernels.Gpu;
using ILGPU.Runtime;

namespace Diffusion.Kernels.Cuda;

/// <summary>Device addresses for kernels that copy by them.</summary>
internal static class CudaAddress
{
    /// <summary>The address of a place.</summary>
    public static long Of(BufferSlice slice)
    {
        var block = (GpuBlock)slice.Buffer.Native!;
        return block.Slab.LoadEffectiveAddressAsPtr() + block.ByteOffset + slice.ByteOffset;
    }

    /// <summary>What all of some addresses and steps are a multiple of, given them combined by "or": 16, 4 or 1.</summary>
    public static int Alignment(long bits) => (bits & 15) == 0 ? 16 : (bits & 3) == 0 ? 4 : 1;

    /// <summary>A step, in bytes, that matters for the alignment: not if its axis has one element only.</summary>
    public static long Step(Layout layout, int axis) => layout.Shape[axis] <= 1 ? 0 : layout.Strides[axis] * layout.Type.Size();
}
