namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>
/// Where lanes that parted at a branch meet again: at the first instruction that all ways from the branch to the end pass, its immediate
/// postdominator. Found by the algorithm of Cooper, Harvey and Kennedy on the reversed graph.
/// </summary>
internal static class Convergence
{
    /// <summary>The meeting place of each instruction; the code's length where the ways meet only at the end.</summary>
    public static int[] Find(PtxInstruction[] code)
    {
        int end = code.Length;
        var predecessors = new List<int>[end + 1];
        for (int i = 0; i <= end; i++)
            predecessors[i] = [];
        for (int i = 0; i < end; i++)
        {
            foreach (int next in Successors(code, i))
                predecessors[next].Add(i);
        }
        int[] order = PostOrder(predecessors, end), number = new int[end + 1], meeting = new int[end + 1];
        Array.Fill(number, -1);
        for (int i = 0; i < order.Length; i++)
            number[order[i]] = i;
        Array.Fill(meeting, -1);
        meeting[end] = end;
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = order.Length - 2; i >= 0; i--)
            {
                int at = order[i], best = -1;
                foreach (int next in Successors(code, at))
                {
                    if (meeting[next] >= 0)
                        best = best < 0 ? next : Intersect(best, next, meeting, number);
                }
                changed |= meeting[at] != best;
                meeting[at] = best;
            }
        }
        return meeting[..end];
    }

    private static int[] Successors(PtxInstruction[] code, int at)
    {
        var instruction = code[at];
        if (instruction.IsBranch)
            return instruction.Guard < 0 ? instruction.Targets : [.. instruction.Targets, at + 1];
        return instruction.Name == "ret" && instruction.Guard < 0 ? [code.Length] : [at + 1];
    }

    private static int Intersect(int a, int b, int[] meeting, int[] number)
    {
        while (a != b)
        {
            if (number[a] < number[b])
                a = meeting[a];
            else
                b = meeting[b];
        }
        return a;
    }

    /// <summary>Depth-first from the end against the flow; a node comes after those that are reached through it, the end last.</summary>
    private static int[] PostOrder(List<int>[] predecessors, int end)
    {
        var order = new List<int>();
        var seen = new bool[predecessors.Length];
        var stack = new Stack<(int Node, int Next)>();
        stack.Push((end, 0));
        seen[end] = true;
        while (stack.TryPop(out var top))
        {
            if (top.Next == predecessors[top.Node].Count)
            {
                order.Add(top.Node);
                continue;
            }
            stack.Push((top.Node, top.Next + 1));
            int node = predecessors[top.Node][top.Next];
            if (!seen[node])
            {
                seen[node] = true;
                stack.Push((node, 0));
            }
        }
        return [.. order];
    }
}
