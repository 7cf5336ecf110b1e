import { exists, pause } from "../../common/index.js";
import type { JobPlan } from "./job-plan.js";
import { type JobEnd, type RunCommandOptions, runJobCommand } from "./job-process.js";

/** Runs the steps of a job that are not done, from where each was left. */
export async function runPlan(plan: JobPlan, options: RunCommandOptions): Promise<JobEnd> {
  let end: JobEnd = { type: "done", outcome: null };
  for (const step of plan.steps) {
    if (step.done !== null && (await exists(step.done))) continue;
    if (plan.steps.length > 1) options.reporter.note(step.title);
    const isBegun = step.begun !== null && (await exists(step.begun));
    end = await runJobCommand(isBegun ? step.resumeArgs : step.args, options);
    if (end.type !== "done") return end;
  }
  return end;
}

/** How long a process of an earlier server is waited for; it ends by itself when it notices. */
const PATIENCE_MILLISECONDS = 60_000;
const INTERVAL_MILLISECONDS = 200;

/** Waits until a process is gone, for a minute at most: another program may have its number by now. */
export async function waitForEnd(processId: number, signal: AbortSignal): Promise<void> {
  const last = performance.now() + PATIENCE_MILLISECONDS;
  while (isRunning(processId) && performance.now() < last && !signal.aborted) {
    await pause(INTERVAL_MILLISECONDS, undefined);
  }
}

function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (cause) {
    // Another user's process may not be signalled, but it is there.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}
