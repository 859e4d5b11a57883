namespace Diffusion.Benchmarks.Verbs; internal static class KernelsVerb { public static int Run(object o) => 0; }
