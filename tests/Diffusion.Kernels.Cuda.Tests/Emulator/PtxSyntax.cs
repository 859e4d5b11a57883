namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>What an operand of an instruction is.</summary>
internal enum OperandKind
{
    /// <summary>A register, by its number.</summary>
    Register,

    /// <summary>A literal's bits.</summary>
    Immediate,

    /// <summary>Several registers in braces.</summary>
    Vector,

    /// <summary>A place in brackets: a register's value plus an offset.</summary>
    RegisterAddress,

    /// <summary>A place in brackets: a parameter's or symbol's address plus an offset.</summary>
    FixedAddress,

    /// <summary>A register that the hardware fills, such as %tid.x.</summary>
    Special,
}

/// <summary>One operand.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Register">Number of the register, of address or value.</param>
/// <param name="Value">Literal, or offset of an address.</param>
/// <param name="Vector">Numbers of a vector's registers.</param>
/// <param name="Name">Name of a special register.</param>
/// <param name="Negated">A predicate that counts inverted.</param>
internal sealed record Operand(OperandKind Kind, int Register = -1, ulong Value = 0, int[]? Vector = null, string Name = "", bool Negated = false);

/// <summary>One instruction.</summary>
/// <param name="Name">The full opcode with its dots, <c>add.s32</c>.</param>
/// <param name="Operands">In the order of the text.</param>
/// <param name="Guard">Number of the predicate register, or −1.</param>
/// <param name="GuardNegated">Whether it runs where the predicate is false.</param>
/// <param name="Targets">For a branch: the instructions to go on with; several where an index in the first operand chooses.</param>
internal sealed record PtxInstruction(string Name, Operand[] Operands, int Guard, bool GuardNegated, int[] Targets)
{
    /// <summary>What it does to the lanes of a warp; chosen once.</summary>
    public Action<Warp, uint>? Action { get; set; }

    /// <summary>Whether it goes on elsewhere.</summary>
    public bool IsBranch => Targets.Length > 0;

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A kernel parameter's place among all parameters.</summary>
internal readonly record struct PtxParameter(string Name, int Offset, int Size);

/// <summary>A kernel, parsed.</summary>
internal sealed class PtxKernel
{
    /// <summary>Name of the entry.</summary>
    public required string Name { get; init; }

    /// <summary>Its parameters in order.</summary>
    public required IReadOnlyList<PtxParameter> Parameters { get; init; }

    /// <summary>The code.</summary>
    public required PtxInstruction[] Code { get; init; }

    /// <summary>For each branch, where lanes that part there meet again.</summary>
    public required int[] Meetings { get; init; }

    /// <summary>How many registers the text declares, over all scopes.</summary>
    public required int RegisterCount { get; init; }

    /// <summary>Bytes of a thread's own memory.</summary>
    public required int LocalBytes { get; init; }

    /// <summary>Bytes of shared memory that the text itself declares.</summary>
    public required int StaticSharedBytes { get; init; }
}

/// <summary>The text has something that the emulator does not know.</summary>
internal sealed class PtxException(string message) : Exception(message);
