using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// A kernel's parameter as its bytes: fields in order at multiples of their sizes, a view as its address and its length in elements.
/// </summary>
internal static class ParameterLayout
{
    /// <summary>The bytes of a struct.</summary>
    public static byte[] Bytes(object value)
    {
        var bytes = new List<byte>();
        int alignment = Write(value, bytes);
        Pad(bytes, alignment);
        return [.. bytes];
    }

    /// <summary>Appends a value, and tells what its address must be a multiple of.</summary>
    private static int Write(object value, List<byte> bytes)
    {
        if (value is IArrayView view)
        {
            Append(bytes, Address(view), 8);
            Append(bytes, view.Length, 8);
            return 8;
        }
        if (value.GetType().IsPrimitive)
        {
            int size = Marshal.SizeOf(value);
            Append(bytes, value is float number ? BitConverter.SingleToInt32Bits(number) : Convert.ToInt64(value, null), size);
            return size;
        }
        // Nested structs begin at multiples of their largest member.
        var inner = new List<byte>();
        int alignment = 1;
        foreach (var field in value.GetType().GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(f => f.MetadataToken))
        {
            var part = new List<byte>();
            int own = Write(field.GetValue(value)!, part);
            Pad(part, own);
            Pad(inner, own);
            inner.AddRange(part);
            alignment = Math.Max(alignment, own);
        }
        Pad(inner, alignment);
        Pad(bytes, alignment);
        bytes.AddRange(inner);
        return alignment;
    }

    // A view of no memory has no buffer to ask.
    private static long Address(IArrayView view) => view.Length == 0 && view.Buffer is null ? 0 : (nint)typeof(ArrayViewExtensions)
        .GetMethods()
        .Single(m => m.Name == nameof(ArrayViewExtensions.LoadEffectiveAddressAsPtr) && m.GetParameters()[0].ParameterType.Name.StartsWith("ArrayView`", StringComparison.Ordinal))
        .MakeGenericMethod(view.GetType().GetGenericArguments()[0])
        .Invoke(null, [view])!;

    private static void Pad(List<byte> bytes, int alignment)
    {
        while (bytes.Count % alignment != 0)
            bytes.Add(0);
    }

    private static void Append(List<byte> bytes, long value, int size)
    {
        Pad(bytes, size);
        for (int i = 0; i < size; i++)
            bytes.Add((byte)(value >> (8 * i)));
    }
}
