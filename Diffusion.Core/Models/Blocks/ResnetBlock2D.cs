using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>What happens to rows and columns inside a residual block.</summary>
public enum ResnetResampling
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Doubled by repeating.</summary>
    Up,

    /// <summary>Halved by averaging.</summary>
    Down,

    /// <summary>Doubled with <see cref="FirResample2D"/>.</summary>
    FirUp,

    /// <summary>Halved with <see cref="FirResample2D"/>.</summary>
    FirDown,
}

/// <summary>How a residual block is built; the names are diffusers'.</summary>
public sealed record ResnetOptions
{
    /// <summary>Channels in.</summary>
    public required int InChannels { get; init; }

    /// <summary>Channels out.</summary>
    public required int OutChannels { get; init; }

    /// <summary>Channels of the time embedding; 0 for a block that doesn't know the time.</summary>
    public int TembChannels { get; init; }

    /// <summary>Groups of the first normalisation.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>Groups of the second normalisation; as many as of the first where it is 0.</summary>
    public int GroupsOut { get; init; }

    /// <summary>Added to variances.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>The activation's name, e.g. <c>silu</c>.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary><c>default</c> (add), <c>scale_shift</c>; <c>ada_group</c> and <c>spatial</c> for <see cref="ResnetBlockCondNorm2D"/>.</summary>
    public string TimeScaleShift { get; init; } = "default";

    /// <summary>The time embedding comes activated already.</summary>
    public bool SkipTimeAct { get; init; }

    /// <summary>The sum is divided by it.</summary>
    public double OutputScaleFactor { get; init; } = 1;

    /// <summary>A 1×1 convolution on the shortcut also where the channels stay the same.</summary>
    public bool UseInShortcut { get; init; }

    /// <summary>Whether the shortcut's convolution has a bias.</summary>
    public bool ShortcutBias { get; init; } = true;

    /// <summary>Channels after the second convolution; <see cref="OutChannels"/> where it is 0.</summary>
    public int Conv2dOutChannels { get; init; }

    /// <summary>What happens to rows and columns.</summary>
    public ResnetResampling Resampling { get; init; }

    internal int FinalChannels => Conv2dOutChannels > 0 ? Conv2dOutChannels : OutChannels;

    internal bool HasShortcut => UseInShortcut || InChannels != FinalChannels;

    internal int SecondGroups => GroupsOut > 0 ? GroupsOut : Groups;

    internal Tensor Resample(Tensor x) => Resampling switch
    {
        ResnetResampling.Up => x.UpsampleNearest(),
        ResnetResampling.Down => x.AveragePool2d(2, 2),
        ResnetResampling.FirUp => FirResample2D.Up(x),
        ResnetResampling.FirDown => FirResample2D.Down(x),
        _ => x,
    };

    internal Tensor Close(Tensor shortcut, Tensor x) => OutputScaleFactor == 1 ? shortcut + x : (shortcut + x) / OutputScaleFactor;
}

/// <summary>
/// The residual block of all these networks (He et al. 2015): normalise, activate, convolve, twice, with the time embedding in between.
/// </summary>
public sealed record ResnetBlock2D
{
    private readonly ResnetOptions options;
    private readonly GroupNorm norm1;
    private readonly Conv2d conv1;
    private readonly Linear? timeProjection;
    private readonly GroupNorm norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d? shortcut;

    private ResnetBlock2D(WeightScope scope, ResnetOptions options)
    {
        this.options = options;
        norm1 = GroupNorm.Of(scope["norm1"], options.InChannels, options.Groups, options.Epsilon);
        conv1 = Conv2d.Of(scope["conv1"], options.InChannels, options.OutChannels);
        if (options.TembChannels > 0)
            timeProjection = Linear.Of(scope["time_emb_proj"], options.TembChannels, options.TimeScaleShift == "scale_shift" ? 2 * options.OutChannels : options.OutChannels);
        norm2 = GroupNorm.Of(scope["norm2"], options.OutChannels, options.SecondGroups, options.Epsilon);
        conv2 = Conv2d.Of(scope["conv2"], options.OutChannels, options.FinalChannels);
        if (options.HasShortcut)
            shortcut = Conv2d.Of(scope["conv_shortcut"], options.InChannels, options.FinalChannels, kernel: 1, padding: 0, bias: options.ShortcutBias);
    }

    /// <summary>The block of a scope.</summary>
    /// <exception cref="NotSupportedException">The time embedding's way in isn't one of this block's.</exception>
    public static ResnetBlock2D Of(WeightScope scope, ResnetOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(options);
        return options.TimeScaleShift is "default" or "scale_shift" ? new ResnetBlock2D(scope, options)
            : throw new NotSupportedException($"{scope.Path}: resnet_time_scale_shift '{options.TimeScaleShift}' isn't one of this block's; use default or scale_shift.");
    }

    /// <summary>[N, C, H, W] → [N, C′, H′, W′].</summary>
    /// <param name="x">The features.</param>
    /// <param name="temb">The time embedding [N, temb], where the block has one.</param>
    public Tensor Forward(Tensor x, Tensor? temb)
    {
        var h = options.Resample(norm1.Forward(x).Activate(options.Activation));
        var residual = options.Resample(x);
        h = Timed(conv1.Forward(h), temb).Activate(options.Activation);
        return options.Close(shortcut?.Forward(residual) ?? residual, conv2.Forward(h));
    }

    private Tensor Timed(Tensor h, Tensor? temb)
    {
        if (timeProjection is null || temb is null)
            return norm2.Forward(h);
        var projected = timeProjection.Forward(options.SkipTimeAct ? temb : temb.Activate(options.Activation));
        if (options.TimeScaleShift == "default")
            return norm2.Forward(h + projected.Reshape(projected.Shape[0], -1, 1, 1));
        var parts = projected.Chunk(2, 1);
        return norm2.Forward(h) * (parts[0].Reshape(projected.Shape[0], -1, 1, 1) + 1) + parts[1].Reshape(projected.Shape[0], -1, 1, 1);
    }
}
