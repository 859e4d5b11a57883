using System.Text.RegularExpressions;
using Diffusion.Core.Weights;

namespace Diffusion.Core.Models;

/// <summary>
/// The names that attention layers of autoencoders and unconditional UNets had before diffusers 0.16:
/// <c>query</c>, <c>key</c>, <c>value</c>, <c>proj_attn</c> instead of <c>to_q</c>, <c>to_k</c>, <c>to_v</c>, <c>to_out.0</c>.
/// </summary>
public static partial class DeprecatedNames
{
    /// <summary>The store with today's names; the same one where no name is old.</summary>
    public static WeightStore Update(WeightStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        // Fourier frequencies were saved under two names; a file may have kept the other one only.
        bool isOther = store.Contains("time_proj.W") && !store.Contains("time_proj.weight");
        return isOther || store.Names.Any(IsOld) ? store.Rename(name => isOther && name == "time_proj.W" ? "time_proj.weight" : Rename(name)) : store;
    }

    /// <summary>Whether a name is an old one.</summary>
    public static bool IsOld(string name) => Old().IsMatch(name);

    /// <summary>The name as it is today; names that aren't old stay as they are.</summary>
    public static string Rename(string name) => Old().Replace(name, match => match.Groups[1].Value + match.Groups[2].Value switch
    {
        "query" => "to_q",
        "key" => "to_k",
        "value" => "to_v",
        _ => "to_out.0",
    } + match.Groups[3].Value);

    [GeneratedRegex(@"^(|.*\.)(?<=attentions\.\d+\.)(query|key|value|proj_attn)(\.(?:weight|bias))$", RegexOptions.CultureInvariant)]
    private static partial Regex Old();
}
