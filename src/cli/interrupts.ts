import { ExitCode } from "./exit-codes.js";

type StopSignal = "SIGINT" | "SIGTERM";
const STOP_SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM"];

/** Where signals come from: the process, or an emitter in tests. */
export interface SignalSource {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

/** A watch over Ctrl-C and SIGTERM for the length of one command. */
export interface InterruptWatch {
  readonly signal: AbortSignal;
  /** The exit code that belongs to the signal received, if any. */
  exitCode(): number | undefined;
  stop(): void;
}

/**
 * Turns the first signal into an abort. It then stops listening, so that a second one has its normal effect
 * and ends the process at once.
 * @param onFirst is called before the abort, to tell the user
 */
export function watchInterrupts(source: SignalSource, onFirst: () => void): InterruptWatch {
  const controller = new AbortController();
  let received: StopSignal | undefined;
  const stop = (): void => {
    for (const name of STOP_SIGNALS) source.off(name, listener);
  };
  const listener = (name: StopSignal): void => {
    received = name;
    stop();
    onFirst();
    controller.abort();
  };
  for (const name of STOP_SIGNALS) source.on(name, listener);
  return {
    signal: controller.signal,
    exitCode: () => (received === undefined ? undefined : exitCodeOf(received)),
    stop,
  };
}

function exitCodeOf(signal: StopSignal): number {
  return signal === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated;
}
