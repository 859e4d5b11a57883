namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>x where x &gt; 0, else α·(e^x − 1) (Clevert et al. 2015).</summary>
    public Tensor Elu(double alpha = 1) => Maximum(this, Like(0)) + (Minimum(this, Like(0)).Exp() - 1) * alpha;

    /// <summary>x where x &gt; 0, else slope·x.</summary>
    public Tensor LeakyRelu(double slope = 0.01) => Maximum(this, Like(0)) + Minimum(this, Like(0)) * slope;

    /// <summary>x·clamp(x + 3, 0, 6)/6 (Howard et al. 2019).</summary>
    public Tensor HardSwish() => this * (this + 3).Clamp(0, 6) / 6;

    /// <summary>ln(softmax(x)) over an axis.</summary>
    public Tensor LogSoftmax(int axis = -1)
    {
        int[] axes = [Shape.Axis(axis, "LogSoftmax")];
        var shifted = this - Reduce(Kernels.ReductionKind.Maximum, axes, true);
        return shifted - shifted.Exp().Reduce(Kernels.ReductionKind.Sum, axes, true).Log();
    }
}
