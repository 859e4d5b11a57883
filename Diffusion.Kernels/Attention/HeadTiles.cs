namespace Diffusion.Kernels.Attention;

/// <summary>How much of an attention a block of threads holds, by the size of a head. 16 queries a warp.</summary>
internal interface IHeadTile
{
    /// <summary>Queries of a block.</summary>
    static abstract int Queries { get; }

    /// <summary>Keys at a time: 64 or 32.</summary>
    static abstract int Keys { get; }

    /// <summary>Bytes from row to row of queries and keys in shared memory; a multiple of 128.</summary>
    static abstract int Pitch { get; }

    /// <summary>Bytes from row to row of values in shared memory; a multiple of 128.</summary>
    static abstract int ValuePitch { get; }

    /// <summary>Columns of values in units of 16, at most 8. A wider head's values are shared out to several blocks.</summary>
    static abstract int ValuePairs { get; }
}

/// <summary>Heads up to 48.</summary>
internal readonly struct Head48 : IHeadTile
{
    /// <inheritdoc/>
    public static int Queries => 64;

    /// <inheritdoc/>
    public static int Keys => 64;

    /// <inheritdoc/>
    public static int Pitch => 128;

    /// <inheritdoc/>
    public static int ValuePitch => 128;

    /// <inheritdoc/>
    public static int ValuePairs => 3;
}

/// <summary>Heads up to 64.</summary>
internal readonly struct Head64 : IHeadTile
{
    /// <inheritdoc/>
    public static int Queries => 64;

    /// <inheritdoc/>
    public static int Keys => 64;

    /// <inheritdoc/>
    public static int Pitch => 128;

    /// <inheritdoc/>
    public static int ValuePitch => 128;

    /// <inheritdoc/>
    public static int ValuePairs => 4;
}

/// <summary>Heads up to 80.</summary>
internal readonly struct Head80 : IHeadTile
{
    /// <inheritdoc/>
    public static int Queries => 64;

    /// <inheritdoc/>
    public static int Keys => 64;

    /// <inheritdoc/>
    public static int Pitch => 256;

    /// <inheritdoc/>
    public static int ValuePitch => 256;

    /// <inheritdoc/>
    public static int ValuePairs => 5;
}

/// <summary>Heads up to 128.</summary>
internal readonly struct Head128 : IHeadTile
{
    /// <inheritdoc/>
    public static int Queries => 64;

    /// <inheritdoc/>
    public static int Keys => 64;

    /// <inheritdoc/>
    public static int Pitch => 256;

    /// <inheritdoc/>
    public static int ValuePitch => 256;

    /// <inheritdoc/>
    public static int ValuePairs => 8;
}

/// <summary>Heads up to 160, whose values two blocks share out.</summary>
internal readonly struct Head160 : IHeadTile
{
    /// <inheritdoc/>
    public static int Queries => 32;

    /// <inheritdoc/>
    public static int Keys => 32;

    /// <inheritdoc/>
    public static int Pitch => 384;

    /// <inheritdoc/>
    public static int ValuePitch => 256;

    /// <inheritdoc/>
    public static int ValuePairs => 5;
}

/// <summary>Heads up to 256, whose values two blocks share out.</summary>
internal readonly struct Head256 : IHeadTile
{
    /// <inheritdoc/>
    public static int Queries => 32;

    /// <inheritdoc/>
    public static int Keys => 32;

    /// <inheritdoc/>
    public static int Pitch => 512;

    /// <inheritdoc/>
    public static int ValuePitch => 256;

    /// <inheritdoc/>
    public static int ValuePairs => 8;
}
