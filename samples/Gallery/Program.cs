// Makes the picture at the top of the README: eight prompts, one batch.
//     dotnet run -c Release --project samples/Gallery -- docs/images/gallery.png
using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Dsl.Pipelines;

string file = args is [var path] ? path : "gallery.png";
string[] prompts =
[
    "a large red circle on a white background",
    "a yellow star, black background",
    "a photo of a pink heart on light blue",
    "a small green triangle on beige",
    "an orange ring next to a blue square",
    "a white cross above a purple diamond on a gray background",
    "a large orange heart on dark blue",
    "a black star next to a cyan ring on light green",
];

var model = Model.Load("models/shapes-64", Device.Cpu);

var run = model.TextToImage(prompts)
    .Seeds([.. prompts.Select((_, i) => 42UL + (ulong)i)])
    .Scheduler("DPMSolverMultistepScheduler")
    .Steps(20)
    .GuidanceScale(5);

var pictures = run.Run();
Image.GridWith(ImageGridOptions.Default.WithColumns(4).WithPadding(4).WithBackground(255), pictures).Save(file);
Console.WriteLine($"{file}:\n{run.Describe()}");
