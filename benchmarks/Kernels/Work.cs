namespace Diffusion.Benchmarks.Kernels;

/// <summary>What a kernel has to do at least.</summary>
/// <param name="Flops">Floating-point operations of its plain definition.</param>
/// <param name="Bytes">Bytes of its operands, each read or written once.</param>
internal readonly record struct Work(double Flops, double Bytes);

/// <summary>A class of benchmarks that knows the work of its cases. Asked of an instance that has its parameters and wasn't set up.</summary>
internal interface IKnowsWork
{
    /// <summary>The work of one call of a method.</summary>
    Work WorkOf(string method);
}
