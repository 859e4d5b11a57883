using System.Numerics;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// 32 threads with their registers, in lock step. Lanes that part at a branch run one way after the other, and meet again where the ways
/// join (<see cref="Convergence"/>).
/// </summary>
internal sealed class Warp(PtxKernel kernel, Block block, int firstThread, int lanes)
{
    private readonly Stack<Path> paths = new([new Path(0, -1, Full(lanes))]);
    private readonly ulong[] registers = new ulong[kernel.RegisterCount * Lanes];
    private readonly List<Action>[] uncommitted = [.. Enumerable.Range(0, Lanes).Select(_ => new List<Action>())];
    private readonly Queue<List<Action>>[] groups = [.. Enumerable.Range(0, Lanes).Select(_ => new Queue<List<Action>>())];
    private readonly Memory[] local = [.. Enumerable.Range(0, Lanes).Select(_ => new Memory("local memory", 0, new byte[kernel.LocalBytes]))];
    private bool waiting;

    /// <summary>Threads of a warp.</summary>
    public const int Lanes = 32;

    /// <summary>The block it belongs to.</summary>
    public Block Block => block;

    /// <summary>Lanes that have not returned.</summary>
    public uint Alive { get; private set; } = Full(lanes);

    /// <summary>Whether it waits at the block's barrier.</summary>
    public bool AtBarrier => waiting;

    /// <summary>All lanes' values of a register.</summary>
    public Span<ulong> Row(int register) => registers.AsSpan(register * Lanes, Lanes);

    /// <summary>One lane's value of a register.</summary>
    public ref ulong this[int register, int lane] => ref registers[register * Lanes + lane];

    /// <summary>A lane's own memory.</summary>
    public Memory Local(int lane) => local[lane];

    /// <summary>A lane's value of an operand.</summary>
    public ulong Read(Operand operand, int lane) => operand.Kind switch
    {
        OperandKind.Register => operand.Negated ? registers[operand.Register * Lanes + lane] ^ 1 : registers[operand.Register * Lanes + lane],
        OperandKind.Immediate => operand.Value,
        OperandKind.Special => Special(operand.Name, lane),
        OperandKind.RegisterAddress => registers[operand.Register * Lanes + lane] + operand.Value,
        OperandKind.FixedAddress => operand.Value,
        _ => throw new PtxException($"{operand.Kind} is no value."),
    };

    /// <summary>Starts an asynchronous copy of a lane.</summary>
    public void Copy(int lane, Action copy)
    {
        if (block.EagerCopies)
            copy();
        else
            uncommitted[lane].Add(copy);
    }

    /// <summary>Closes a lane's group of copies.</summary>
    public void Commit(int lane)
    {
        groups[lane].Enqueue([.. uncommitted[lane]]);
        uncommitted[lane].Clear();
    }

    /// <summary>Finishes a lane's copies but those of the latest groups.</summary>
    public void WaitForCopies(int lane, int allowed)
    {
        while (groups[lane].Count > allowed)
            groups[lane].Dequeue().ForEach(copy => copy());
    }

    /// <summary>Waits for the block's other warps.</summary>
    public void Arrive(uint mask)
    {
        if (mask != Alive)
            throw new PtxException($"Lanes {mask:X8} of {Alive:X8} are at a barrier.");
        waiting = true;
    }

    /// <summary>Goes on behind the barrier.</summary>
    public void Release() => waiting = false;

    /// <summary>Ends lanes.</summary>
    public void Exit(uint mask) => Alive &= ~mask;

    /// <summary>Runs until all lanes have finished or wait at the barrier.</summary>
    public void Run()
    {
        while (!waiting && paths.TryPop(out var path))
            Follow(path);
    }

    /// <summary>Runs lanes until they branch, meet others, wait or end.</summary>
    private void Follow(Path path)
    {
        var code = kernel.Code;
        for (int position = path.Position; position != path.Meeting; position++)
        {
            uint mask = path.Mask & Alive;
            if (mask == 0)
                return;
            var instruction = code[position];
            uint taken = instruction.Guard < 0 ? mask : Guarded(instruction, mask);
            if (instruction.IsBranch)
            {
                Branch(instruction, path with { Position = position, Mask = mask }, taken);
                return;
            }
            if (taken != 0)
                instruction.Action!(this, taken);
            if (waiting)
            {
                paths.Push(path with { Position = position + 1 });
                return;
            }
        }
    }

    private void Branch(PtxInstruction instruction, Path path, uint taken)
    {
        if (instruction.Targets.Length == 1 && (taken == path.Mask || taken == 0))
        {
            paths.Push(path with { Position = taken == 0 ? path.Position + 1 : instruction.Targets[0] });
            return;
        }
        // Where each lane goes: to a target, or on.
        var ways = new Dictionary<int, uint>();
        for (uint left = path.Mask; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            int to = (taken >> lane & 1) == 0 ? path.Position + 1
                : instruction.Targets.Length == 1 ? instruction.Targets[0]
                : instruction.Targets[(int)Read(instruction.Operands[0], lane)];
            ways[to] = ways.GetValueOrDefault(to) | 1u << lane;
        }
        if (ways.Count == 1)
        {
            paths.Push(path with { Position = ways.Keys.First() });
            return;
        }
        if (instruction.Name.EndsWith(".uni", StringComparison.Ordinal))
            throw new PtxException($"Instruction {path.Position}: {instruction.Name} promises that all lanes go the same way, {taken:X8} of {path.Mask:X8} do.");
        int meeting = kernel.Meetings[path.Position];
        paths.Push(path with { Position = meeting });
        foreach (var (to, lanes) in ways)
            paths.Push(new Path(to, meeting, lanes));
    }

    private static uint Full(int lanes) => lanes == Lanes ? uint.MaxValue : (1u << lanes) - 1;

    private uint Guarded(PtxInstruction instruction, uint mask)
    {
        uint taken = 0;
        for (uint left = mask; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            if ((this[instruction.Guard, lane] != 0) != instruction.GuardNegated)
                taken |= 1u << lane;
        }
        return taken;
    }

    private ulong Special(string name, int lane) => name switch
    {
        "%tid.x" => (ulong)(firstThread + lane),
        "%ntid.x" => (ulong)block.Threads,
        "%ctaid.x" => (ulong)block.Index,
        "%nctaid.x" => (ulong)block.GridSize,
        "%tid.y" or "%tid.z" or "%ctaid.y" or "%ctaid.z" => 0,
        "%ntid.y" or "%ntid.z" or "%nctaid.y" or "%nctaid.z" => 1,
        "%laneid" => (ulong)lane,
        "%dynamic_smem_size" => (ulong)block.DynamicSharedBytes,
        _ => throw new PtxException($"Unknown special register {name}."),
    };

    /// <summary>Lanes on their way to a meeting place.</summary>
    private readonly record struct Path(int Position, int Meeting, uint Mask);
}
