using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Core.Tensors.Planning;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors.Planning;

/// <summary>What the planner promises to run together, by its own report; that the numbers are right is tested beside this.</summary>
public sealed class FusionTests : IDisposable
{
    private readonly Device device = new(CpuBackend.Create(2));
    private readonly Random random = new(11);

    public void Dispose() => device.Dispose();

    [Fact]
    public void A_chain_of_elementwise_operations_is_one_kernel()
    {
        var (x, y) = (R(2, 8, 6, 6), R(8, 1, 1));
        var chain = ((x * 2 + y).Silu() - x).Sigmoid().Clamp(0.1, 0.9) / (y.Exp() + 1);
        // The small operand is computed in its own shape first.
        var report = Kernels(device.Explain(chain), "Elementwise", "Elementwise");
        Assert.Equal([8, 1, 1], report.Kernels[0].Output);
        Kernels(device.Explain(((x * 2 + y).Silu() - x).Sigmoid().Clamp(0.1, 0.9) / (x.Exp() + 1)), "Elementwise");
    }

    [Fact]
    public void A_convolution_takes_bias_embedding_activation_residual_and_scale()
    {
        var (x, w, b, t) = (R(2, 8, 6, 6), R(8, 8, 3, 3).AsConstant(), R(8), R(2, 8));
        var residual = ChannelsLast(2, 8, 6, 6);
        var y = ((x.Conv2d(w, b, padding: 1) + t.Reshape(2, 8, 1, 1)).Silu() + residual) * 0.7;
        // The input is turned to channels last once, if it isn't yet.
        var report = Kernels(device.Explain(y), "Elementwise", "Convolution");
        Assert.Equal(["Add", "Add", "Silu", "Add", "Multiply"], report.Kernels[^1].Fused);
        Kernels(device.Explain(((residual.Conv2d(w, b, padding: 1) + t.Reshape(2, 8, 1, 1)).Silu() + residual) * 0.7), "Convolution");
    }

    [Fact]
    public void A_row_major_residual_fuses_into_a_convolution_too()
    {
        var y = ChannelsLast(1, 8, 6, 6).Conv2d(R(8, 8, 3, 3), R(8), padding: 1) + R(1, 8, 6, 6);
        Kernels(device.Explain(y), "Convolution");
    }

    [Fact]
    public void A_linear_layer_takes_bias_activation_residual_and_scale()
    {
        var x = R(2, 9, 16);
        var y = (x.Linear(R(16, 16).AsConstant(), R(16)).Gelu() + x) / 1.5;
        var report = Kernels(device.Explain(y), "Gemm");
        Assert.Equal(["Add", "Gelu", "Add", "Divide"], report.Kernels[0].Fused);
    }

    [Fact]
    public void A_gated_unit_is_two_products_with_one_epilogue()
    {
        var x = R(2, 9, 16);
        var y = x.Linear(R(32, 16), R(32)) * x.Linear(R(32, 16), R(32)).Gelu();
        Kernels(device.Explain(y), "Gemm", "Gemm");
    }

    [Fact]
    public void The_two_halves_of_one_product_meet_in_its_epilogue()
    {
        var halves = R(2, 9, 16).Linear(R(32, 16), R(32)).Chunk(2, -1);
        Kernels(device.Explain(halves[0] * halves[1].Gelu()), "Gemm");
        // Squared, so that the product has one input twice.
        var x = R(8, 8);
        var square = Tensor.MatMul(x, x).Chunk(2, -1);
        Kernels(device.Explain(square[0] * square[1].Sigmoid()), "Gemm");
        Assert.Equal(32, (square[0] * square[1].Sigmoid()).ToArray().Length);
    }

    [Fact]
    public void Normalisations_take_what_follows()
    {
        var x = ChannelsLast(2, 8, 5, 5);
        Kernels(device.Explain(x.GroupNorm(4, R(8), R(8)).Silu()), "GroupNorm");
        Kernels(device.Explain((R(3, 16).LayerNorm(R(16), R(16)) * (1 + R(16)) + R(16)).Silu()), "Elementwise", "RowNorm");
        Kernels(device.Explain(R(3, 16).RmsNorm(R(16)) * 2), "RowNorm");
        Kernels(device.Explain(R(3, 16).Mean(1) * 2 + 1), "Reduction");
    }

    [Fact]
    public void A_resnet_block_is_four_kernels()
    {
        var x = ChannelsLast(2, 8, 6, 6);
        var h = x.GroupNorm(4, R(8), R(8)).Silu().Conv2d(R(16, 8, 3, 3), R(16), padding: 1) + R(2, 16).Linear(R(16, 16), R(16)).Reshape(2, 16, 1, 1);
        var y = (h.GroupNorm(4, R(16), R(16)).Silu().Conv2d(R(16, 16, 3, 3), R(16), padding: 1) + x.Conv2d(R(16, 8, 1, 1), R(16))) * 0.5;
        Kernels(device.Explain(y), "GroupNorm", "Gemm", "Convolution", "GroupNorm", "Convolution", "Convolution");
    }

    [Fact]
    public void A_residual_across_token_views_fuses()
    {
        // The end of a transformer block: tokens become an image again, plus the image before.
        var image = ChannelsLast(2, 8, 5, 6);
        var tokens = image.Permute(0, 2, 3, 1).Reshape(2, 30, 8);
        var y = tokens.Linear(R(8, 8), R(8)).Reshape(2, 5, 6, 8).Permute(0, 3, 1, 2) + image;
        Kernels(device.Explain(y), "Gemm");
        // With an activation and a scale on both sides of the views, too.
        var z = (tokens.Linear(R(8, 8), R(8)).Gelu() * 0.5).Reshape(2, 5, 6, 8).Permute(0, 3, 1, 2).Silu() + image * 2;
        Kernels(device.Explain(z), "Gemm");
        // Not when somebody else needs the tokens.
        var shared = tokens.Linear(R(8, 8), R(8));
        Kernels(device.Explain(shared.Reshape(2, 5, 6, 8).Permute(0, 3, 1, 2) + image, shared), "Gemm", "Elementwise");
    }

    [Fact]
    public void Heads_are_split_and_joined_without_copies()
    {
        var x = R(2, 9, 16);
        Tensor Heads(Tensor t) => t.Reshape(2, 9, 4, 4).Permute(0, 2, 1, 3);
        Tensor Project() => x.Linear(R(16, 16).AsConstant());
        var y = Tensor.Attention(Heads(Project()), Heads(Project()), Heads(Project())).Permute(0, 2, 1, 3).Reshape(2, 9, 16).Linear(R(16, 16), R(16)) + x;
        Kernels(device.Explain(y), "Gemm", "Gemm", "Gemm", "Attention", "Gemm");
    }

    [Fact]
    public void Upsampling_becomes_part_of_the_convolution()
    {
        var y = ChannelsLast(1, 8, 4, 4).UpsampleNearest().Conv2d(R(8, 8, 3, 3), R(8), padding: 1);
        Kernels(device.Explain(y), "Convolution");
    }

    [Fact]
    public void What_is_asked_for_or_read_twice_is_stored()
    {
        var x = R(4, 4);
        var a = x + 1;
        var b = a.Silu();
        Assert.Single(device.Explain(b).Kernels);
        Assert.Equal(2, device.Explain(a, b).Kernels.Length);
        var mean = a.Mean(1);
        Kernels(device.Explain(a - mean.Unsqueeze(1)), "Elementwise", "Reduction", "Elementwise");
        // Twice in the same kernel is once.
        Assert.Single(device.Explain(a * a + a).Kernels);
    }

    [Fact]
    public void Equal_expressions_are_computed_once()
    {
        var (x, w) = (R(4, 4), R(4, 4));
        var report = device.Explain(Tensor.MatMul(x, w) + Tensor.MatMul(x, w).Transpose());
        Assert.Single(report.Kernels, k => k.Name == "Gemm");
    }

    [Fact]
    public void Constants_take_no_kernel()
    {
        Assert.Single(device.Explain(R(3, 3) * Tensor.Full(2, [3, 3], device: device).Reshape(3, 3).Transpose() + Tensor.Ones([3, 1], device: device)).Kernels);
        var view = R(3, 3).Transpose().Slice(0, 1, 2);
        Assert.Empty(device.Explain(view).Kernels);
    }

    [Fact]
    public void Reading_float64_does_not_slow_the_kernel_before()
    {
        var y = R(4, 4).Linear(R(4, 4)).Cast(ElementType.Float64);
        var report = device.Explain(y);
        Assert.Equal(2, report.Kernels.Length);
        Assert.NotEqual("reference", report.Kernels[0].Algorithm);
    }

    [Fact]
    public void A_group_never_reads_more_than_fast_kernels_take()
    {
        var sum = Enumerable.Range(0, 70).Select(_ => R(3, 4)).Aggregate((a, b) => a + b);
        var report = device.Explain(sum);
        Assert.DoesNotContain(report.Kernels, k => k.Algorithm == "reference");
        Assert.InRange(report.Kernels.Length, 2, 8);
    }

    [Fact]
    public void The_same_structure_is_planned_once()
    {
        var (x, w) = (R(2, 3), R(3, 3));
        Tensor Graph(Tensor input, double scale) => (input.Linear(w) * scale + (1 - scale)).Silu();
        Graph(x, 0.5).Realize();
        int plans = device.PlanCount;
        for (int i = 0; i < 5; i++)
            Graph(R(2, 3), i * 0.1).Realize();
        Assert.Equal(plans, device.PlanCount);
        Graph(R(4, 3), 0.5).Realize();
        Assert.Equal(plans + 1, device.PlanCount);
        Graph(R(3, 2).Transpose(), 0.5).Realize();
        Assert.Equal(plans + 2, device.PlanCount);
        // A scalar is an argument: each result has its own.
        Assert.NotEqual(Graph(x, 0.1).ToArray(), Graph(x, 0.9).ToArray());
    }

    [Fact]
    public void The_report_is_for_people()
    {
        var report = device.Explain(R(64, 64).Linear(R(64, 64), R(64)).Relu());
        Assert.Contains("Gemm", report.ToString(), StringComparison.Ordinal);
        Assert.Contains("Relu", report.ToString(), StringComparison.Ordinal);
        Assert.Equal(2.0 * 64 * 64 * 64, report.Flops);
        Assert.Equal(64 * 64 * 4, report.ResultBytes);
        Assert.Equal(3, report.Operations);
        Assert.Contains("3 operations in 1 kernels", report.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_counts_scratch_apart_from_intermediates()
    {
        // One kernel stores nothing in between, whatever it needs to work in.
        var one = device.Explain(ChannelsLast(1, 16, 16, 16).Conv2d(R(16, 16, 3, 3), R(16), stride: 1, padding: 1));
        Assert.Equal(0, one.LiveIntermediateBytes);
        Assert.True(one.ScratchBytes > 0, one.ToString());
        Assert.Contains("no intermediates", one.Summary, StringComparison.Ordinal);
        Assert.DoesNotContain("%", one.Summary, StringComparison.Ordinal);

        // A chain needs what a kernel reads and what it writes, however long it is.
        var x = R(256, 64);
        for (int i = 0; i < 4; i++)
            x = x.Softmax().Linear(R(64, 64));
        var chain = device.Explain(x);
        Assert.InRange(chain.LiveIntermediateBytes, 1, chain.IntermediateBytes);
        Assert.True(chain.LiveIntermediateBytes <= chain.PeakBytes, chain.Summary);
        Assert.Equal(2 * 256 * 64 * 4, chain.LiveIntermediateBytes);
    }

    private static PlanReport Kernels(PlanReport report, params string[] names)
    {
        Assert.True(names.Order().SequenceEqual(report.Kernels.Select(k => k.Name).Order()), $"expected {string.Join(", ", names)}; planned\n{report}");
        return report;
    }

    private Tensor R(params int[] shape) => Tensor.From([.. Enumerable.Range(0, Host.Count(shape)).Select(_ => (float)(random.NextDouble() - 0.5))], shape, device);

    private Tensor ChannelsLast(int n, int c, int h, int w) => R(n, h, w, c).Permute(0, 3, 1, 2);
}
