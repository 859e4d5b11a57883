using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>
/// A residual block whose normalisations are steered by the time embedding (<c>ada_group</c>) or by the latents (<c>spatial</c>).
/// </summary>
public sealed record ResnetBlockCondNorm2D
{
    private readonly ResnetOptions options;
    private readonly Func<Tensor, Tensor, Tensor> norm1;
    private readonly Conv2d conv1;
    private readonly Func<Tensor, Tensor, Tensor> norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d? shortcut;

    private ResnetBlockCondNorm2D(WeightScope scope, ResnetOptions options)
    {
        this.options = options;
        norm1 = Norm(scope["norm1"], options, options.InChannels, options.Groups);
        conv1 = Conv2d.Of(scope["conv1"], options.InChannels, options.OutChannels);
        norm2 = Norm(scope["norm2"], options, options.OutChannels, options.SecondGroups);
        conv2 = Conv2d.Of(scope["conv2"], options.OutChannels, options.FinalChannels);
        if (options.HasShortcut)
            shortcut = Conv2d.Of(scope["conv_shortcut"], options.InChannels, options.FinalChannels, kernel: 1, padding: 0, bias: options.ShortcutBias);
    }

    /// <summary>The block of a scope.</summary>
    /// <exception cref="NotSupportedException">The normalisation isn't one of this block's.</exception>
    public static ResnetBlockCondNorm2D Of(WeightScope scope, ResnetOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(options);
        return new ResnetBlockCondNorm2D(scope, options);
    }

    /// <summary>[N, C, H, W] → [N, C′, H′, W′].</summary>
    /// <param name="x">The features.</param>
    /// <param name="condition">The time embedding [N, temb], or the latents [N, L, h, w] for <c>spatial</c>.</param>
    public Tensor Forward(Tensor x, Tensor condition)
    {
        var h = options.Resample(norm1(x, condition).Activate(options.Activation));
        var residual = options.Resample(x);
        h = norm2(conv1.Forward(h), condition).Activate(options.Activation);
        return options.Close(shortcut?.Forward(residual) ?? residual, conv2.Forward(h));
    }

    private static Func<Tensor, Tensor, Tensor> Norm(WeightScope scope, ResnetOptions options, int channels, int groups) => options.TimeScaleShift switch
    {
        "ada_group" => AdaGroupNorm.Of(scope, options.TembChannels, channels, groups, options.Epsilon).Forward,
        "spatial" => SpatialNorm.Of(scope, channels, options.TembChannels).Forward,
        var other => throw new NotSupportedException($"{scope.Path}: resnet_time_scale_shift '{other}' isn't one of this block's; use ada_group or spatial."),
    };
}
