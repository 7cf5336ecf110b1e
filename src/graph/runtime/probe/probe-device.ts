import { AnsweringChild, ChildLost, moduleBeside } from "../../../common/index.js";
import type { DeviceName } from "../device.js";
import { type ProbeResult, probeResultSchema, withRefusal } from "./protocol.js";

const TIME_LIMIT = 60_000;

/** How a device is tried. */
export interface ProbeOptions {
  /** In milliseconds. */
  readonly timeLimit?: number;
  /** Variables that tell drivers and engine where things are; by default this process's. */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Tries a device in a process of its own: whether it runs a graph with the right result, how fast, and on what. A
 * crash or a hang there is an answer as well.
 */
export async function probeDevice(
  name: DeviceName,
  { timeLimit = TIME_LIMIT, environment }: ProbeOptions = {},
): Promise<ProbeResult> {
  const module = moduleBeside(import.meta.url, "./probe-child");
  const child = new AnsweringChild<DeviceName>({ module, environment });
  const result = await child
    .ask(name, probeResultSchema, timeLimit)
    .catch((failure: unknown): ProbeResult => {
      if (failure instanceof ChildLost) return { works: false, reason: failure.message };
      throw failure;
    });
  return withRefusal(result, await child.finish());
}
