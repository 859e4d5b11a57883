namespace Diffusion.Benchmarks.Verbs; internal static class ShapesVerb { public static int Run(object o) => 0; }
