import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { DeviceName } from "../device.js";
import { type ProbeResult, withRefusal } from "./protocol.js";

const TIME_LIMIT = 60_000;
const KEPT_ERROR_OUTPUT = 2000;

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
export function probeDevice(
  name: DeviceName,
  { timeLimit = TIME_LIMIT, environment = process.env }: ProbeOptions = {},
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const child = startChild(name, environment);
    let errorOutput = "";
    let result: ProbeResult | undefined;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, timeLimit);
    child.stderr?.on("data", (chunk: Buffer) => {
      errorOutput = (errorOutput + chunk.toString("utf8")).slice(-KEPT_ERROR_OUTPUT);
    });
    child.on("message", (message) => {
      result = message as ProbeResult;
    });
    child.on("error", (cause) => {
      result ??= { works: false, reason: `its process could not be run: ${cause.message}` };
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const end = isLate ? `no answer within ${timeLimit / 1000} s` : describeEnd(code, signal, errorOutput);
      resolve(withRefusal(result ?? { works: false, reason: end }, errorOutput));
    });
  });
}

function describeEnd(code: number | null, signal: string | null, errorOutput: string): string {
  const how = signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`;
  const said = errorOutput.trim().split("\n").at(-1) ?? "";
  return said === "" ? how : `${how}: ${said}`;
}

function startChild(name: DeviceName, variables: NodeJS.ProcessEnv): ChildProcess {
  const isSource = import.meta.url.endsWith(".ts");
  const script = fileURLToPath(new URL(isSource ? "./probe-child.ts" : "./probe-child.js", import.meta.url));
  const { NODE_OPTIONS: _, ...environment } = variables;
  return fork(script, [name], {
    execArgv: isSource ? ["--import", typeScriptLoader()] : [],
    env: environment,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** Tests run the sources, which Node 20 alone does not. */
function typeScriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
}
