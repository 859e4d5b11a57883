using ILGPU;
using ILGPU.Runtime;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Copies host memory to the device. On CUDA through two page-locked buffers in turns, so that the next piece is copied into one
/// while the card fetches the other; on OpenCL directly, since ILGPU copies page-locked parts wrongly there.
/// </summary>
internal sealed class GpuStaging(Accelerator accelerator) : IDisposable
{
    private const int PieceBytes = 8 << 20;

    private readonly PageLockedArray1D<byte>?[] pieces = new PageLockedArray1D<byte>?[2];

    /// <summary>Copies; returns when the source may be reused.</summary>
    public void Upload(ReadOnlySpan<byte> source, ArrayView<byte> target)
    {
        var stream = accelerator.DefaultStream;
        if (accelerator.AcceleratorType != AcceleratorType.Cuda || source.Length < 64 << 10)
        {
            target.CopyFromCPU(stream, source);
            return;
        }
        for (int at = 0, turn = 0; at < source.Length; at += PieceBytes, turn++)
        {
            var part = source.Slice(at, Math.Min(PieceBytes, source.Length - at));
            var piece = pieces[turn & 1] ??= accelerator.AllocatePageLocked1D<byte>(PieceBytes);
            // The copy before last used this buffer; waiting for it waits for the last one as well only from the third piece on.
            if (turn >= 2)
                stream.Synchronize();
            part.CopyTo(piece.Span);
            piece.ArrayView.SubView(0, part.Length).CopyTo(stream, target.SubView(at, part.Length));
        }
        stream.Synchronize();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var piece in pieces)
            piece?.Dispose();
    }
}
