namespace Diffusion.Dsl.Denoising;

/// <summary>A loop as a cold observable: every subscription is a run of its own.</summary>
internal sealed class StepObservable(DenoisingLoop loop, CancellationToken cancel) : IObservable<Step>
{
    public IDisposable Subscribe(IObserver<Step> observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        using var steps = loop.Steps(cancel).GetEnumerator();
        while (true)
        {
            // What the observer itself throws is its caller's, not an error of the run.
            bool more;
            try
            {
                more = steps.MoveNext();
            }
            catch (Exception error)
            {
                observer.OnError(error);
                break;
            }

            if (!more)
            {
                observer.OnCompleted();
                break;
            }

            observer.OnNext(steps.Current);
        }

        return Finished.Instance;
    }

    private sealed class Finished : IDisposable
    {
        public static Finished Instance { get; } = new();

        public void Dispose()
        {
        }
    }
}
