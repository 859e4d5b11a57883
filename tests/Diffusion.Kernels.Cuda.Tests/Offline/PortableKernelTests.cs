using System.Reflection;
using Diffusion.Kernels.Cuda.Tests.Emulator;

namespace Diffusion.Kernels.Cuda.Tests.Offline;

/// <summary>The kernels that OpenCL and CUDA share, compiled for CUDA without a driver.</summary>
public sealed class PortableKernelTests
{
    private const int SharedWithoutOptIn = 48 * 1024;

    // A kernel is a static method with one struct of parameters.
    private static readonly Dictionary<string, MethodInfo> Kernels = typeof(GpuBackend).Assembly.GetTypes()
        .Where(type => type.Namespace == "Diffusion.Kernels.Gpu")
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
        .Where(IsKernel)
        .ToDictionary(method => $"{method.DeclaringType!.Name}.{method.Name}");

    public static IEnumerable<TheoryDataRow<string>> Names => Kernels.Keys.Order(StringComparer.Ordinal).Select(name => new TheoryDataRow<string>(name));

    [Theory]
    [MemberData(nameof(Names))]
    public void A_portable_kernel_compiles_for_cuda(string name)
    {
        foreach (int architecture in new[] { 80, 90 })
        {
            string text = PtxCompiler.Compile(Kernels[name], 0, 0, architecture);
            Assert.Contains(".target sm_80", text, StringComparison.Ordinal);
            Assert.DoesNotContain(".local", text, StringComparison.Ordinal);
            Assert.InRange(PtxParser.Parse(text).StaticSharedBytes, 0, SharedWithoutOptIn);
            Assert.Equal(text, PtxCompiler.CompileAgain(Kernels[name], 0, 0, architecture));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_assembler_keeps_a_portable_kernel_in_registers(string name)
    {
        Assert.SkipWhen(Ptxas.Path.Length == 0, "ptxas is neither on the path nor named by DIFFUSION_PTXAS.");
        var resources = Ptxas.Assemble(PtxCompiler.Compile(Kernels[name], 0), 80);
        Assert.Equal(0, resources.SpillBytes);
        Assert.Equal(0, resources.StackBytes);
    }

    private static bool IsKernel(MethodInfo method) =>
        method.ReturnType == typeof(void) && !method.IsGenericMethod && method.GetParameters() is [{ ParameterType: { IsValueType: true, IsByRef: false } type }]
        && type.Name.EndsWith("Parameters", StringComparison.Ordinal);
}
