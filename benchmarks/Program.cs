using Diffusion.Benchmarks;
using Diffusion.Benchmarks.Verbs;

try
{
    return Run(args.Length > 0 ? args[0] : "--help", args.Length > 1 ? args[1..] : []);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
catch (Exception e) when (e is DllNotFoundException or TypeInitializationException { InnerException: DllNotFoundException or NotSupportedException })
{
    Console.Error.WriteLine($"benchmarks: libtorch or ONNX Runtime can't be loaded ({e.Message}). docs/performance.md says what it needs.");
    return 2;
}

static int Run(string verb, string[] rest)
{
    switch (verb)
    {
        case "peers":
#if PEERS
            return Diffusion.Benchmarks.Peers.PeersVerb.Run(BenchmarkOptions.Parse(rest));
#else
            Console.Error.WriteLine("benchmarks: built with -p:Peers=false; build without it to compare with libtorch and ONNX Runtime.");
            return 2;
#endif
        case "unet": return UNetVerb.Run(BenchmarkOptions.Parse(rest));
        case "quantized": return QuantizedVerb.Run(BenchmarkOptions.Parse(rest));
        case "device" when rest.Length > 0: return DeviceVerb.Run(rest[0], BenchmarkOptions.Parse(rest[1..]));
        case "builds" when rest.Length > 0: return BuildsVerb.Run(rest[0], BenchmarkOptions.Parse(rest[1..]));
        case "packing": return PackingVerb.Run(BenchmarkOptions.Parse(rest));
        case "tiles": return TilesVerb.Run(BenchmarkOptions.Parse(rest));
        case "choices": return ChoicesVerb.Run(BenchmarkOptions.Parse(rest));
        case "memory": return MemoryVerb.Run(BenchmarkOptions.Parse(rest));
        case "kernels": return KernelsVerb.Run(rest);
        case "shapes": return ShapesVerb.Run(BenchmarkOptions.Parse(rest));
        case "schedulers": return SchedulersVerb.Run(BenchmarkOptions.Parse(rest));
        case "allocations": return AllocationsVerb.Run(BenchmarkOptions.Parse(rest));
        case "ptx": return PtxVerb.Run(BenchmarkOptions.Parse(rest));
        default:
            Console.WriteLine(
                """
                dotnet run -c Release --project benchmarks -- VERB [options]

                  peers        against libtorch and ONNX Runtime in the same process: RATIO name ours_ms theirs_ms ratio, and geometric means
                  unet         the UNet of Stable Diffusion 1.5 with random weights: plan, memory, first and steady step, profile
                  shapes       models/shapes-64: start-up and 20 guided steps
                  quantized    linear layers with int8 and int4 weights against float32
                  device NAME  single kernels on opencl, cuda, cuda:1, …: time and arithmetic a second
                  builds DIR   single operations against another build of the library, in DIR, in the same process, in turns
                  packing      the first use of weights, which repacks them
                  choices      the convolutions' cost model beside measurement: each algorithm at each shape, one core
                  tiles        the innermost products in the first-level cache, as a share of what registers alone reach
                  allocations  managed bytes of a steady denoising step: graph and rest
                  schedulers   host time and managed bytes of one step of each scheduler; nothing is computed
                  memory       resident memory of a picture of 512x512 by networks of Stable Diffusion 1.5 with random float16 weights
                  ptx          registers, shared memory and spills of the CUDA kernels (needs ptxas, no GPU)
                  kernels      single kernels under BenchmarkDotNet; further arguments are its own (--filter '*')

                  --quick      fewer samples, and the smaller half of the cases
                  --threads N  kernel threads; default: one a core
                  --filter T   only cases whose name contains T
                  --sdxl       peers: also the UNet of Stable Diffusion XL, where there is memory for it
                  --shared     peers: that one with the same weights in layers of equal shape
                  --scaling    peers: our own times with one thread and with N, in place of the race
                  --weights B  unet, memory: budget of packed weights: lean, balanced, unlimited, or seconds a gigabyte must save
                """);
            return verb is "--help" or "-h" ? 0 : 2;
    }
}
