using System.Collections.Immutable;
using System.Globalization;
using Diffusion.Kernels;

namespace Diffusion.Core.Devices;

public sealed partial class Device
{
    private static readonly Lock OpenGate = new();
    private static readonly Dictionary<(string Kind, int Index), Device> Opened = [];

    /// <summary>
    /// The fastest device of the machine: the first CUDA device, else the first OpenCL device that is a GPU, else the processor.
    /// Shared by everybody who asks. <see cref="GpuDevices.Find"/> says what was found, and why a GPU was passed over.
    /// </summary>
    public static Device Best() =>
        GpuDevices.MayHaveGpu() && GpuDevices.Find() is [{ Usable: true, IsProcessor: false } first, ..] ? OpenGpu(first.Kind, first.Index) : Cpu;

    /// <summary>A device by its name, shared by everybody who asks for it.</summary>
    /// <param name="name"><c>cpu</c>, <c>cuda</c>, <c>opencl</c>, one of the latter two with a number (<c>cuda:1</c>), or <c>best</c>; see <see cref="Best"/>.</param>
    /// <exception cref="ArgumentException">The name is none of these.</exception>
    /// <exception cref="NotSupportedException">The machine has no such device, or it can't be used; the message says why.</exception>
    public static Device Open(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var parts = name.Trim().ToUpperInvariant().Split(':');
        int index = 0;
        bool known = parts.Length == 1 || (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index));
        return (known, parts[0], parts.Length) switch
        {
            (true, "CPU", 1) => Cpu,
            (true, "BEST", 1) => Best(),
            (true, "CUDA", _) => OpenGpu("cuda", index),
            (true, "OPENCL", _) => OpenGpu("opencl", index),
            _ => throw new ArgumentException($"Device.Open: \"{name}\" isn't a device; expected cpu, cuda, opencl, cuda:1 and so on, or best.", nameof(name)),
        };
    }

    /// <summary>
    /// The devices that <see cref="Open"/> knows by name, the fastest first, and what was looked for in vain with the reason. The
    /// processor is always there.
    /// </summary>
    public static ImmutableArray<GpuFinding> List()
    {
        var found = GpuDevices.Find();
        int gpus = found.TakeWhile(f => f is { Usable: true, IsProcessor: false }).Count();
        return found.Insert(gpus, new GpuFinding("cpu", 0, Cpu.Name, true, $"{Cpu.Backend.Info.MemoryBytes >> 20} MiB"));
    }

    private static Device OpenGpu(string kind, int index)
    {
        lock (OpenGate)
        {
            if (!Opened.TryGetValue((kind, index), out var device))
                Opened.Add((kind, index), device = new Device(GpuBackend.Open(kind, index)));
            return device;
        }
    }

    // Whoever asks after a device was disposed gets a new one.
    private static void Forget(Device device)
    {
        lock (OpenGate)
        {
            foreach (var key in Opened.Where(pair => pair.Value == device).Select(pair => pair.Key).ToArray())
                Opened.Remove(key);
        }
    }
}
