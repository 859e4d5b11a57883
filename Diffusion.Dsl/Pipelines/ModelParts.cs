using System.Collections.Immutable;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Core.Text;
using Diffusion.Dsl.Denoising;

namespace Diffusion.Dsl.Pipelines;

/// <summary>From a folder's components to the functions that pipelines need.</summary>
internal static class ModelParts
{
    public static ImmutableArray<string> TextToImageNeeds { get; } = ["tokenizer", "text_encoder", "unet", "vae", "scheduler"];

    // Parts of diffusers' Stable Diffusion pipelines that text-to-image leaves alone.
    private static readonly ImmutableArray<string> Ignored = ["safety_checker", "feature_extractor", "image_encoder"];

    public static TextToImageModel TextToImage(Model model)
    {
        var folder = model.Folder;
        Require(model, "text-to-image", TextToImageNeeds, [.. TextToImageNeeds, .. Ignored]);
        folder.Component("tokenizer").Require("CLIPTokenizer", "CLIPTokenizerFast");
        folder.Component("text_encoder").Require("CLIPTextModel");
        folder.Component("unet").Require("UNet2DConditionModel");
        folder.Component("vae").Require("AutoencoderKL");
        var (tokenizer, encoder, unet, vae) = Together(
            () => ClipTokenizer.Load(folder.Component("tokenizer").Folder),
            () => ClipTextModel.Load(folder.Component("text_encoder").Folder, device: model.Device),
            () => UNet2DConditionModel.Load(folder.Component("unet").Folder, device: model.Device),
            () => AutoencoderKL.Load(folder.Component("vae").Folder, device: model.Device));
        encoder = model.Quantization.IsNone ? encoder : encoder.WithWeights(encoder.Weights.Quantized(model.Quantization));
        unet = model.Quantization.IsNone ? unet : unet.WithWeights(unet.Weights.Quantized(model.Quantization));
        if (unet.Config.InChannels != vae.Config.LatentChannels)
        {
            throw new NotSupportedException(
                $"{folder.Path}: the UNet takes {unet.Config.InChannels} channels, but latents have {vae.Config.LatentChannels}: the model needs more than a prompt (a mask or a picture), which isn't supported yet.");
        }

        var size = SampleSize(folder.Component("unet"));
        return new TextToImageModel
        {
            Name = model.Name,
            Hash = model.Hash,
            Quantization = model.Quantization,
            WeightBytes = encoder.Weights.ByteLength + unet.Weights.ByteLength + vae.Weights.ByteLength,
            Device = model.Device,
            Tokenize = tokenizer.Encode,
            EncodeText = (ids, skip) => Encode(encoder, ids, skip),
            TextLayers = encoder.Config.NumHiddenLayers,
            Denoiser = Denoiser(unet, UNetHooks.None),
            Hooked = hooks => Denoiser(unet, hooks),
            GuidanceEmbeddingSize = unet.Config.TimeCondProjDim ?? 0,
            Decode = latents => vae.Decode(latents / vae.Config.ScalingFactor),
            LatentChannels = unet.Config.InChannels,
            ScaleFactor = vae.Config.ScaleFactor,
            LatentHeight = size.Height,
            LatentWidth = size.Width,
            Scheduler = model.Scheduler(),
            Notes = [.. Ignored.Where(folder.Has).Select(name => $"The model's {name} isn't used.")],
        };
    }

    public static PixelModel Pixels(Model model)
    {
        Require(model, "unconditional pictures", ["unet", "scheduler"], ["unet", "scheduler"]);
        var unet = UNet2DModel.Load(model.Folder.Component("unet").Require("UNet2DModel").Folder, device: model.Device);
        unet = model.Quantization.IsNone ? unet : unet.WithWeights(unet.Weights.Quantized(model.Quantization));
        var size = SampleSize(model.Folder.Component("unet"));
        return new PixelModel
        {
            Name = model.Name,
            Hash = model.Hash,
            Quantization = model.Quantization,
            WeightBytes = unet.Weights.ByteLength,
            Device = model.Device,
            Denoiser = Dsl.Denoising.Denoiser.Create((sample, timestep, _) => unet.Forward(sample, timestep, UNetConditioning.None)),
            Channels = unet.Config.InChannels,
            Height = size.Height,
            Width = size.Width,
            Scheduler = model.Scheduler(),
        };
    }

    /// <summary>Four things at once. Of several failures the first in this order is told, whichever came first.</summary>
    private static (T1, T2, T3, T4) Together<T1, T2, T3, T4>(Func<T1> first, Func<T2> second, Func<T3> third, Func<T4> fourth)
    {
        var (one, two, three, four) = (Task.Run(first), Task.Run(second), Task.Run(third), Task.Run(fourth));
        Task.WhenAll(one, two, three, four).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
        return (one.GetAwaiter().GetResult(), two.GetAwaiter().GetResult(), three.GetAwaiter().GetResult(), four.GetAwaiter().GetResult());
    }

    private static Denoiser Denoiser(UNet2DConditionModel unet, UNetHooks hooks) => Dsl.Denoising.Denoiser.Create(
        (latents, timestep, conditioning) => unet.Forward(latents, timestep, Conditioned(conditioning).WithHooks(hooks)));

    private static UNetConditioning Conditioned(Conditioning conditioning) => conditioning.Tensors.Aggregate(
        UNetConditioning.None, (all, pair) => With(all, pair.Key, pair.Value));

    private static UNetConditioning With(UNetConditioning conditioning, string name, Tensor value) => name switch
    {
        Conditioning.EncoderHiddenStates => conditioning.WithEncoderHiddenStates(value),
        "encoder_attention_mask" => conditioning.WithEncoderAttentionMask(value),
        "class_labels" => conditioning.WithClassLabels(value),
        "timestep_cond" => conditioning.WithTimestepCond(value),
        "text_embeds" => conditioning.WithTextEmbeds(value),
        "time_ids" => conditioning.WithTimeIds(value),
        "image_embeds" => conditioning.WithImageEmbeds(value),
        _ => throw new NotSupportedException($"UNet2DConditionModel: the conditioning '{name}' isn't known there."),
    };

    // Layers at the end are left out, the final normalisation never.
    private static Tensor Encode(ClipTextModel encoder, Tensor ids, int skip)
    {
        var output = encoder.Forward(ids);
        return skip == 0 ? output.LastHiddenState : encoder.FinalLayerNorm(output.HiddenStates[^(skip + 1)]);
    }

    // A number or [height, width]; 64 where a configuration doesn't say, as diffusers takes it.
    private static (int Height, int Width) SampleSize(ModelComponent unet)
    {
        var config = unet.Config();
        if (config.IsList("sample_size") && config.GetIntArray("sample_size") is [var height, var width])
            return (height, width);
        int size = config.GetInt("sample_size", 64);
        return (size, size);
    }

    private static void Require(Model model, string purpose, ImmutableArray<string> needed, ImmutableArray<string> known)
    {
        var folder = model.Folder;
        var missing = needed.Where(name => !folder.Has(name)).ToArray();
        if (missing.Length > 0)
            throw new NotSupportedException($"{folder.Path}: a {folder.PipelineClass} can't be used for {purpose}: it has no {string.Join(", ", missing)}.");
        var unknown = folder.Components.Select(part => part.Name).Where(name => !known.Contains(name)).ToArray();
        if (unknown.Length > 0)
            throw new NotSupportedException($"{folder.Path}: a {folder.PipelineClass} isn't supported for {purpose}: it also has {string.Join(", ", unknown)}.");
    }
}
