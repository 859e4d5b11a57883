namespace Diffusion.Benchmarks.Verbs; internal static class AllocationsVerb { public static int Run(object o) => 0; }
