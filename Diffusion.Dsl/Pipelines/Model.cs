using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models;
using Diffusion.Core.Weights;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>
/// A model folder in diffusers' layout on a device. Components are loaded when a pipeline needs them, and once; weights are mapped
/// into memory and read on demand, and let go of when neither the model nor a run of it is referred to any more.
/// </summary>
public sealed class Model
{
    private readonly Lazy<TextToImageModel> text;
    private readonly Lazy<PixelModel> pixels;

    private Model(ModelFolder folder, Device device, Quantization quantization)
    {
        Folder = folder;
        Device = device;
        Quantization = quantization;
        Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder.Path)));
        var hash = folder.Hash();
        Hash = () => hash.Hex;
        text = new(() => ModelParts.TextToImage(this));
        pixels = new(() => ModelParts.Pixels(this));
    }

    /// <summary>What the folder holds.</summary>
    public ModelFolder Folder { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>How the weights of linear layers are kept; see <see cref="WithQuantizedWeights"/>.</summary>
    public Quantization Quantization { get; }

    /// <summary>The folder's name.</summary>
    public string Name { get; }

    /// <summary>The identity of the weights; the first call reads all of them.</summary>
    public Func<string> Hash { get; }

    /// <summary>Whether the folder holds what text-to-image needs.</summary>
    public bool IsTextToImage => ModelParts.TextToImageNeeds.All(Folder.Has);

    /// <summary>Opens a model folder.</summary>
    /// <param name="folder">A folder with <c>model_index.json</c>.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="cancel">Asked before the components are opened and after; they are opened side by side.</param>
    /// <exception cref="CheckpointException">The folder is missing, incomplete or damaged; the message names the file.</exception>
    /// <exception cref="NotSupportedException">The folder is of a pipeline that isn't supported.</exception>
    public static Model Load(string folder, Device device, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(device);
        var model = new Model(ModelFolder.Open(folder), device, Quantization.None);
        cancel.ThrowIfCancellationRequested();

        // A damaged file is told of here, not in the middle of a run.
        if (model.IsTextToImage)
            _ = model.text.Value;
        else
            _ = model.pixels.Value;
        cancel.ThrowIfCancellationRequested();
        return model;
    }

    /// <summary>As <see cref="Load"/>, on the thread pool.</summary>
    public static Task<Model> LoadAsync(string folder, Device device, CancellationToken cancel = default) =>
        Task.Run(() => Load(folder, device, cancel), cancel);

    /// <summary>
    /// The model with the linear layers of its UNet and text encoder as small integers: less memory, slightly other pictures. The VAE stays as
    /// it is, since its rounding would be seen. Read and rounded when first used; this model stays as it was.
    /// </summary>
    /// <param name="quantization"><see cref="Quantization.Int8"/>, <see cref="Quantization.Int8Activations"/>, <see cref="Quantization.Int4"/>, or
    /// <see cref="Quantization.None"/> for weights as they are stored.</param>
    public Model WithQuantizedWeights(Quantization quantization)
    {
        ArgumentNullException.ThrowIfNull(quantization);
        return quantization == Quantization ? this : new Model(Folder, Device, quantization);
    }

    /// <summary>The bytes of all weights as they are kept; what kernels pack of them comes on top.</summary>
    public long WeightBytes => IsTextToImage ? TextToImageModel().WeightBytes : PixelModel().WeightBytes;

    /// <summary>A text-to-image run.</summary>
    /// <param name="prompts">What is wanted, a picture each.</param>
    /// <exception cref="NotSupportedException">The folder isn't of a text-to-image model.</exception>
    public TextToImage TextToImage(params string[] prompts) => TextToImageModel().TextToImage(prompts);

    /// <summary>A run that makes pictures of nothing in particular.</summary>
    /// <exception cref="NotSupportedException">The folder isn't of such a model.</exception>
    public UnconditionalImage UnconditionalImage() => PixelModel().UnconditionalImage();

    /// <summary>What text-to-image needs of this model.</summary>
    /// <exception cref="NotSupportedException">The folder isn't of a text-to-image model.</exception>
    public TextToImageModel TextToImageModel() => text.Value;

    /// <summary>What unconditional generation needs of this model.</summary>
    /// <exception cref="NotSupportedException">The folder isn't of such a model.</exception>
    public PixelModel PixelModel() => pixels.Value;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Folder.PipelineClass}) on {Device.Name}";

    internal Scheduler Scheduler()
    {
        string file = Path.Combine(Folder.Component("scheduler").Folder, "scheduler_config.json");
        try
        {
            return Schedulers.Schedulers.FromConfig(File.ReadAllText(file));
        }
        catch (Exception error) when (error is FormatException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(file, "", error.Message, error);
        }
    }
}
