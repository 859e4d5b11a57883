using ILGPU;
using ILGPU.Algorithms;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// The device's half of a small machine that runs elementwise programs: six registers, up to six operands, a code of
/// six words an instruction. Code and operands are the same for all threads, so the branches don't diverge, and one compiled kernel
/// serves every program: nothing is compiled while a picture is being made.
/// </summary>
internal struct GpuMachine
{
    /// <summary>Registers r0 … r5; a kernel's result starts in r0, the program's ends there.</summary>
    public const int Registers = 6;

    /// <summary>Operands that a program may read.</summary>
    public const int MaxInputs = 6;

    /// <summary>Host scalars.</summary>
    public const int MaxScalars = 8;

    /// <summary>Words an instruction: operation, target, three source registers (or a number), immediate.</summary>
    public const int Words = 6;

    /// <summary>Operation that loads operand number A; the others are <see cref="ElementwiseOp"/>.</summary>
    public const int LoadInput = 100;

    /// <summary>The program.</summary>
    public ArrayView<int> Code;

    /// <summary>Number of instructions.</summary>
    public int Count;

    /// <summary>Where results go.</summary>
    public GpuOperand Output;

    /// <summary>Operands.</summary>
    public GpuOperand I0, I1, I2, I3, I4, I5;

    /// <summary>Scalars.</summary>
    public float S0, S1, S2, S3, S4, S5, S6, S7;

    /// <summary>Runs the program on a kernel's result and stores it.</summary>
    public readonly void Finish(float result, int i0, int i1, int i2, int i3) =>
        Output.Store(Output.Offset(i0, i1, i2, i3), Count == 0 ? result : Run(result, i0, i1, i2, i3));

    /// <summary>Runs the program for one place of the output.</summary>
    public readonly float Run(float result, int i0, int i1, int i2, int i3)
    {
        float r0 = result, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0;
        for (int i = 0; i < Count; i++)
        {
            int at = i * Words;
            int op = Code[at], target = Code[at + 1], first = Code[at + 2];
            float value;
            if (op == LoadInput)
            {
                value = Load(first, i0, i1, i2, i3);
            }
            else if (op == (int)ElementwiseOp.Constant)
            {
                value = Interop.IntAsFloat((uint)Code[at + 5]);
            }
            else if (op == (int)ElementwiseOp.Scalar)
            {
                value = first == 0 ? S0 : first == 1 ? S1 : first == 2 ? S2 : first == 3 ? S3 : first == 4 ? S4 : first == 5 ? S5 : first == 6 ? S6 : S7;
            }
            else
            {
                int second = Code[at + 3], third = Code[at + 4];
                float a = first == 0 ? r0 : first == 1 ? r1 : first == 2 ? r2 : first == 3 ? r3 : first == 4 ? r4 : r5;
                float b = second == 0 ? r0 : second == 1 ? r1 : second == 2 ? r2 : second == 3 ? r3 : second == 4 ? r4 : r5;
                float c = third == 0 ? r0 : third == 1 ? r1 : third == 2 ? r2 : third == 3 ? r3 : third == 4 ? r4 : r5;
                value = Apply(op, a, b, c);
            }
            if (target == 0)
                r0 = value;
            else if (target == 1)
                r1 = value;
            else if (target == 2)
                r2 = value;
            else if (target == 3)
                r3 = value;
            else if (target == 4)
                r4 = value;
            else
                r5 = value;
        }
        return r0;
    }

    private readonly float Load(int input, int i0, int i1, int i2, int i3)
    {
        var operand = I0;
        if (input == 1)
            operand = I1;
        else if (input == 2)
            operand = I2;
        else if (input == 3)
            operand = I3;
        else if (input == 4)
            operand = I4;
        else if (input == 5)
            operand = I5;
        return operand.Load(operand.Offset(i0, i1, i2, i3));
    }

    private static float Apply(int op, float a, float b, float c)
    {
        switch (op)
        {
            case (int)ElementwiseOp.Negate: return -a;
            case (int)ElementwiseOp.Abs: return XMath.Abs(a);
            case (int)ElementwiseOp.Sign: return DeviceMath.IsNaN(a) ? a : a > 0 ? 1f : a < 0 ? -1f : 0f;
            case (int)ElementwiseOp.Exp: return DeviceMath.Exp(a);
            case (int)ElementwiseOp.Log: return DeviceMath.Log(a);
            case (int)ElementwiseOp.Sqrt: return XMath.Sqrt(a);
            case (int)ElementwiseOp.ReciprocalSqrt: return 1f / XMath.Sqrt(a);
            case (int)ElementwiseOp.Reciprocal: return 1f / a;
            case (int)ElementwiseOp.Square: return a * a;
            case (int)ElementwiseOp.Sin: return DeviceMath.Sin(a);
            case (int)ElementwiseOp.Cos: return DeviceMath.Cos(a);
            case (int)ElementwiseOp.Tanh: return DeviceMath.Tanh(a);
            case (int)ElementwiseOp.Erf: return DeviceMath.Erf(a);
            case (int)ElementwiseOp.Sigmoid: return DeviceMath.Sigmoid(a);
            case (int)ElementwiseOp.Silu: return a * DeviceMath.Sigmoid(a);
            case (int)ElementwiseOp.Relu: return DeviceMath.Maximum(a, 0f);
            case (int)ElementwiseOp.Gelu: return 0.5f * a * (1f + DeviceMath.Erf(a * 0.70710678f));
            case (int)ElementwiseOp.GeluTanh: return 0.5f * a * (1f + DeviceMath.Tanh(0.79788456f * (a + 0.044715f * a * a * a)));
            case (int)ElementwiseOp.QuickGelu: return a * DeviceMath.Sigmoid(1.702f * a);
            case (int)ElementwiseOp.Mish: return a * DeviceMath.Tanh(DeviceMath.Softplus(a));
            case (int)ElementwiseOp.Softplus: return DeviceMath.Softplus(a);
            case (int)ElementwiseOp.Floor: return XMath.Floor(a);
            case (int)ElementwiseOp.Ceiling: return XMath.Ceiling(a);
            case (int)ElementwiseOp.Round: return DeviceMath.RoundToEven(a);
            case (int)ElementwiseOp.Add: return a + b;
            case (int)ElementwiseOp.Subtract: return a - b;
            case (int)ElementwiseOp.Multiply: return a * b;
            case (int)ElementwiseOp.Divide: return a / b;
            case (int)ElementwiseOp.Minimum: return DeviceMath.Minimum(a, b);
            case (int)ElementwiseOp.Maximum: return DeviceMath.Maximum(a, b);
            case (int)ElementwiseOp.Power: return XMath.Pow(a, b);
            case (int)ElementwiseOp.Less: return a < b ? 1f : 0f;
            case (int)ElementwiseOp.LessOrEqual: return a <= b ? 1f : 0f;
            case (int)ElementwiseOp.Equal: return a == b ? 1f : 0f;
            case (int)ElementwiseOp.MultiplyAdd: return a * b + c;
            case (int)ElementwiseOp.Select: return a != 0f ? b : c;
            default: return a;
        }
    }
}
