using System.Runtime.InteropServices;
using Diffusion.Samples.TextToImage;

var command = new CommandLine();
var parsed = command.Root.Parse(args);
if (parsed.Errors.Count > 0)
{
    Console.Error.WriteLine($"{parsed.Errors[0].Message} Try --help.");
    return ExitCodes.Usage;
}

// Ctrl-C and a polite kill stop between two kernels; then everything is freed and nothing is left behind.
using var stop = new CancellationTokenSource();
int signalled = ExitCodes.Cancelled;
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, ExitCodes.Cancelled));
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, ExitCodes.Terminated));
command.Root.SetAction(result =>
{
    try
    {
        return command.Run(result, stop.Token);
    }
    catch (Exception error)
    {
        var failure = Failure.Of(error, signalled);
        Console.Error.WriteLine(failure.Message);
        return failure.ExitCode;
    }
});
return command.Root.Parse(args).Invoke();

void Stop(PosixSignalContext signal, int code)
{
    signal.Cancel = true;
    signalled = code;
    stop.Cancel();
}
