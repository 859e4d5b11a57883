namespace Diffusion.Samples.TextToImage;

/// <summary>What the program's exit code says.</summary>
internal static class ExitCodes
{
    public const int Success = 0;

    /// <summary>An option's value is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The model's folder is missing or damaged.</summary>
    public const int Model = 3;

    /// <summary>The picture can't be written.</summary>
    public const int Output = 4;

    /// <summary>What was asked for isn't supported yet.</summary>
    public const int Unsupported = 5;

    /// <summary>The picture to read a recipe from has none, or is damaged.</summary>
    public const int Recipe = 6;

    /// <summary>There isn't enough memory.</summary>
    public const int Memory = 7;

    /// <summary>A mistake of the program's own.</summary>
    public const int Internal = 70;

    /// <summary>Stopped with Ctrl-C.</summary>
    public const int Cancelled = 130;

    /// <summary>Stopped by a signal to terminate.</summary>
    public const int Terminated = 143;
}
