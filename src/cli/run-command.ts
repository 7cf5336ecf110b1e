import { existsSync } from "node:fs";
import { EpSamError, isEpSamError, jobReporter, type Reporter, visibleText } from "../common/index.js";
import { asEpSamError, reportError } from "./error-report.js";
import { ExitCode } from "./exit-codes.js";
import { type SignalSource, watchInterrupts } from "./interrupts.js";
import { withFlags } from "./setting-flags.js";
import { processTerminal, type Terminal } from "./terminal.js";
import { TerminalReporter } from "./terminal-reporter.js";

/** What the shell gives to a command's action. */
export interface ActionContext {
  readonly reporter: Reporter;
  /** The user asked for machine-readable output; the shell prints it, actions rarely need to know. */
  readonly json: boolean;
  /** Aborts at the first Ctrl-C; long jobs check it between steps and throw its reason. */
  readonly signal: AbortSignal;
  /** Prints what a command that goes on running has to say, in the form that was asked for. */
  readonly announce: (outcome: Pick<CommandOutcome, "json" | "text" | "isColoured">) => void;
}

/** What an action gives back. The shell prints one of the two forms on standard output. */
export interface CommandOutcome {
  /** For `--json`: printed as one document. */
  readonly json: unknown;
  /** For people, without the last line feed. */
  readonly text: string;
  /** Whether `text` has colours of its own; whoever made it has written out what names hide. */
  readonly isColoured?: boolean | undefined;
  /** `done` unless told otherwise. */
  readonly status?: "done" | "failed" | "someSkipped" | undefined;
}

/** The outcome of a command that leaves out inputs it cannot use; the reasons name settings by their flags. */
export function outcomeWithSkipped(
  result: {
    readonly skipped: readonly { readonly reason: string }[];
    readonly warnings?: readonly string[];
  },
  text: string,
): CommandOutcome {
  const skipped = result.skipped.map((input) => ({ ...input, reason: withFlags(input.reason) }));
  const warnings = result.warnings?.map(withFlags);
  return {
    json: { ...result, skipped, warnings },
    text,
    status: skipped.length > 0 ? "someSkipped" : "done",
  };
}

/** Null from commands that have announced everything. */
export type Action = (context: ActionContext) => Promise<CommandOutcome | null>;

export interface CommandOptions {
  readonly json?: boolean | undefined;
  /** How to go on after an interruption, where the command can; or what tells it then. */
  readonly resumeHint?: string | (() => string) | undefined;
}

const DEFAULT_RESUME_HINT = "Files already written are complete; run the same command again to start over.";

/** Runs an action in this process and sets its exit code: the one way commands start their work. */
export async function runCommand(options: CommandOptions, action: Action): Promise<void> {
  // A job that outlived its server would be in the way of the one that is to go on with it.
  const job = jobReporter(process, () => process.exit(ExitCode.terminated));
  process.exitCode = await executeAction(options, action, processTerminal(), process, job);
}

/** How a command goes on that keeps in this file what it has begun: before that there is nothing to resume. */
export function resumeHintOf(file: string): () => string {
  return () =>
    existsSync(file) ? "Go on with the same command and --resume." : "Give the same command again.";
}

/**
 * Runs an action, prints its outcome or error and handles interruptions.
 * @param job is told instead of the terminal when a server runs the command
 * @returns the exit code
 */
export async function executeAction(
  options: CommandOptions,
  action: Action,
  terminal: Terminal,
  signals: SignalSource,
  job: Reporter | null = null,
): Promise<number> {
  const { json = false, resumeHint = DEFAULT_RESUME_HINT } = options;
  const wayOn = (): string => (typeof resumeHint === "string" ? resumeHint : resumeHint());
  const drawn = new TerminalReporter(terminal);
  const reporter = job ?? drawn;
  const watch = watchInterrupts(signals, () => {
    drawn.finish();
    reporter.note("Stopping at the next safe point; press Ctrl-C again to end at once.");
  });
  try {
    const announce: ActionContext["announce"] = (outcome) => {
      drawn.finish();
      const flagged = withFlags(outcome.text);
      const text = outcome.isColoured === true ? flagged : visibleText(flagged);
      terminal.stdout.write(json ? `${JSON.stringify(outcome.json, null, 2)}\n` : `${text}\n`);
    };
    const outcome = await action({ reporter, json, signal: watch.signal, announce });
    if (outcome !== null) announce(outcome);
    drawn.finish();
    return ExitCode[outcome?.status ?? "done"];
  } catch (thrown) {
    drawn.finish();
    const stopped = watch.exitCode();
    if (stopped === undefined || isOtherFailure(thrown, watch.signal)) {
      const error = job === null ? withWayOn(thrown, wayOn()) : thrown;
      return reportError(error, terminal, json, job !== null);
    }
    reporter.note(`Stopped. ${wayOn()}`);
    return stopped;
  } finally {
    watch.stop();
  }
}

/** A full disk and the like interrupt a command as Ctrl-C does: what was thrown, with how this command goes on. */
function withWayOn(thrown: unknown, wayOn: string): unknown {
  const error = asEpSamError(thrown);
  const { action } = error.fields;
  if (error.tag !== "storage" || action === undefined) return thrown;
  return new EpSamError(error.tag, { ...error.fields, action: `${action} ${wayOn}` }, { cause: thrown });
}

/** True for a failure that has nothing to do with the interruption. */
function isOtherFailure(thrown: unknown, signal: AbortSignal): boolean {
  if (thrown === signal.reason) return false;
  const isAbort = thrown instanceof Error && thrown.name === "AbortError";
  return isEpSamError(thrown) || !isAbort;
}
