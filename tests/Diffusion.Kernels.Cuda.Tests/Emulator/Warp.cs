using System.Numerics;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// 32 threads with their registers. Lanes at the same instruction run it together, the lowest instruction first, so that lanes that
/// parted meet again where their ways join.
/// </summary>
internal sealed class Warp(PtxKernel kernel, Block block, int firstThread, int lanes)
{
    private const int Finished = int.MaxValue;
    private readonly int[] positions = [.. Enumerable.Range(0, Lanes).Select(lane => lane < lanes ? 0 : Finished)];
    private readonly ulong[] registers = new ulong[kernel.RegisterCount * Lanes];
    private readonly List<Action>[] uncommitted = [.. Enumerable.Range(0, Lanes).Select(_ => new List<Action>())];
    private readonly Queue<List<Action>>[] groups = [.. Enumerable.Range(0, Lanes).Select(_ => new Queue<List<Action>>())];
    private uint waiting;

    /// <summary>Threads of a warp.</summary>
    public const int Lanes = 32;

    /// <summary>The block it belongs to.</summary>
    public Block Block => block;

    /// <summary>Lanes that have not returned.</summary>
    public uint Alive { get; private set; } = lanes == Lanes ? uint.MaxValue : (1u << lanes) - 1;

    /// <summary>Whether every living lane stands at the barrier.</summary>
    public bool AtBarrier => Alive != 0 && waiting == Alive;

    /// <summary>One lane's value of a register.</summary>
    public ref ulong this[int register, int lane] => ref registers[register * Lanes + lane];

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

    /// <summary>Lanes that arrived at the barrier.</summary>
    public void Arrive(uint mask) => waiting |= mask;

    /// <summary>Lets the warp go on behind the barrier.</summary>
    public void Release() => waiting = 0;

    /// <summary>Ends lanes.</summary>
    public void Exit(uint mask)
    {
        Alive &= ~mask;
        for (uint left = mask; left != 0; left &= left - 1)
            positions[BitOperations.TrailingZeroCount(left)] = Finished;
    }

    /// <summary>Runs until all lanes have finished or wait at the barrier.</summary>
    public void Run()
    {
        while (Alive != waiting)
        {
            int position = Finished;
            uint mask = 0;
            for (uint left = Alive & ~waiting; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                if (positions[lane] < position)
                {
                    position = positions[lane];
                    mask = 0;
                }
                if (positions[lane] == position)
                    mask |= 1u << lane;
            }
            Step(kernel.Code[position], position, mask);
        }
    }

    private void Step(PtxInstruction instruction, int position, uint mask)
    {
        uint taken = instruction.Guard < 0 ? mask : Guarded(instruction, mask);
        if (instruction.Target >= 0)
        {
            if (instruction.Name == "bra.uni" && taken != 0 && taken != mask)
                throw new PtxException($"Instruction {position}: bra.uni promises that all lanes go the same way, {taken:X8} of {mask:X8} do.");
            for (uint left = mask; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                positions[lane] = (taken >> lane & 1) != 0 ? instruction.Target : position + 1;
            }
            return;
        }
        for (uint left = mask; left != 0; left &= left - 1)
            positions[BitOperations.TrailingZeroCount(left)] = position + 1;
        if (taken != 0)
            instruction.Action!(this, taken);
    }

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
}
