using System.Globalization;
using System.Numerics;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>Instructions that touch memory, other lanes, or the flow of a whole block.</summary>
internal static class WarpInstructions
{
    /// <summary>What an instruction does; null when it is not of this kind.</summary>
    public static Action<Warp, uint>? Find(PtxInstruction instruction)
    {
        string name = instruction.Name;
        string[] parts = name.Split('.');
        var operands = instruction.Operands;
        return parts[0] switch
        {
            "ret" => (warp, mask) => warp.Exit(mask),
            "bar" when name == "bar.sync" => (warp, mask) => warp.Arrive(mask),
            "ld" => Load(parts, operands),
            "st" => Store(parts, operands),
            "cp" => Copy(name, operands),
            "shfl" => Shuffle(name, operands),
            "ldmatrix" => MatrixInstructions.Load(name, operands),
            "mma" => MatrixInstructions.Multiply(name, operands),
            _ => null,
        };
    }

    /// <summary>Runs something for each lane of a mask.</summary>
    public static void ForEach(uint mask, Action<int> lane)
    {
        for (uint left = mask; left != 0; left &= left - 1)
            lane(BitOperations.TrailingZeroCount(left));
    }

    private static Span<byte> Place(Warp warp, int lane, string space, ulong address, int length, int alignment) => space switch
    {
        "global" => warp.Block.Global.At(address, length, alignment),
        "shared" => warp.Block.Shared.At(address, length, alignment),
        "local" => warp.Local(lane).At(address, length, alignment),
        "param" => warp.Block.Parameters.At(address, length, 1),
        _ => throw new PtxException($"Unknown state space {space}."),
    };

    private static int VectorLength(string[] parts) => parts.Contains("v4") ? 4 : parts.Contains("v2") ? 2 : 1;

    private static int Size(string type) => int.Parse(type.AsSpan(1), CultureInfo.InvariantCulture) / 8;

    private static Action<Warp, uint> Load(string[] parts, Operand[] operands)
    {
        int count = VectorLength(parts), size = Size(parts[^1]);
        bool signed = parts[^1][0] == 's';
        int[] targets = operands[0].Vector ?? [operands[0].Register];
        Check(parts, targets.Length == count);
        string space = parts[1];
        var address = operands[1];
        return (warp, mask) =>
        {
            for (uint left = mask; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                var at = Place(warp, lane, space, warp.Read(address, lane), count * size, count * size);
                for (int i = 0; i < count; i++)
                {
                    ulong value = Memory.Read(at.Slice(i * size, size));
                    warp[targets[i], lane] = signed && size < 4 ? (uint)((int)(value << (32 - 8 * size)) >> (32 - 8 * size)) : value;
                }
            }
        };
    }

    private static Action<Warp, uint> Store(string[] parts, Operand[] operands)
    {
        int count = VectorLength(parts), size = Size(parts[^1]);
        Check(parts, (operands[1].Vector?.Length ?? 1) == count);
        string space = parts[1];
        Operand address = operands[0], source = operands[1];
        return (warp, mask) =>
        {
            for (uint left = mask; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                var at = Place(warp, lane, space, warp.Read(address, lane), count * size, count * size);
                for (int i = 0; i < count; i++)
                    Memory.Write(at.Slice(i * size, size), source.Vector is { } vector ? warp[vector[i], lane] : warp.Read(source, lane));
            }
        };
    }

    private static void Check(string[] parts, bool condition)
    {
        if (!condition)
            throw new PtxException($"{string.Join('.', parts)}: the number of registers does not fit.");
    }

    private static Action<Warp, uint>? Copy(string name, Operand[] operands)
    {
        switch (name)
        {
            case "cp.async.commit_group":
                return (warp, mask) => ForEach(mask, warp.Commit);
            case "cp.async.wait_group":
                return (warp, mask) => ForEach(mask, lane => warp.WaitForCopies(lane, (int)operands[0].Value));
            case "cp.async.cg.shared.global" or "cp.async.ca.shared.global":
                int size = (int)operands[2].Value;
                if (size is not (4 or 8 or 16) || (size != 16 && name.Contains(".cg", StringComparison.Ordinal)))
                    throw new PtxException($"{name} of {size} bytes.");
                return (warp, mask) => ForEach(mask, lane =>
                {
                    ulong target = warp.Read(operands[0], lane), source = warp.Read(operands[1], lane);
                    int valid = operands.Length > 3 ? (int)warp.Read(operands[3], lane) : size;
                    if (valid < 0 || valid > size)
                        throw new PtxException($"{name}: a source of {valid} bytes for {size}.");
                    // An address is checked even where nothing is read from it.
                    if (source % (ulong)size != 0)
                        throw new PtxException($"{name}: source {source:X} is not a multiple of {size}.");
                    warp.Copy(lane, () =>
                    {
                        var to = warp.Block.Shared.At(target, size, size);
                        if (valid > 0)
                            warp.Block.Global.At(source, valid, 1).CopyTo(to);
                        to[valid..].Clear();
                    });
                });
            default:
                return null;
        }
    }

    private static Action<Warp, uint>? Shuffle(string name, Operand[] operands)
    {
        if (name != "shfl.sync.bfly.b32")
            return null;
        return (warp, mask) =>
        {
            var values = new ulong[Warp.Lanes];
            if (mask != (uint)warp.Read(operands[4], BitOperations.TrailingZeroCount(mask)))
                throw new PtxException($"{name}: lanes {mask:X8} arrive, others are named.");
            ForEach(mask, lane => values[lane] = warp.Read(operands[1], lane));
            ForEach(mask, lane => warp[operands[0].Register, lane] = values[lane ^ (int)warp.Read(operands[2], lane)]);
        };
    }
}
