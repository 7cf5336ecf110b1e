import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "vitest";
import { messageOf } from "../../src/common/index.js";
import { vulkanAdapters } from "../../src/graph/runtime/probe/vulkan.js";

/** SwiftShader, a GPU in software, as Debian's `chromium` brings it. */
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Variables with which WebGPU finds an adapter here, or why there is none. */
function environment(): { readonly variables: NodeJS.ProcessEnv } | { readonly absent: string } {
  if (process.platform !== "linux") return { absent: "adapters are looked for on Linux alone" };
  const isChosen = process.env.VK_ICD_FILENAMES !== undefined || process.env.VK_DRIVER_FILES !== undefined;
  if (!isChosen && !existsSync(SWIFTSHADER)) return { absent: "chromium with SwiftShader is not installed" };
  const variables = isChosen ? process.env : { ...process.env, VK_ICD_FILENAMES: SWIFTSHADER };
  process.env.VK_ICD_FILENAMES = variables.VK_ICD_FILENAMES;
  try {
    if (vulkanAdapters().length === 0) return { absent: "the Vulkan loader has no driver" };
  } catch (cause) {
    return { absent: `no Vulkan loader (libvulkan1): ${messageOf(cause)}` };
  }
  return { variables: { ...variables, XDG_RUNTIME_DIR: variables.XDG_RUNTIME_DIR ?? tmpdir() } };
}

const found = environment();

/** `describe`, skipped by a name that says what is missing where WebGPU has no adapter. */
export function describeWithWebGpu(name: string, body: () => void): void {
  if ("variables" in found) describe(name, body);
  else it.skip(`${name} (no WebGPU adapter: ${found.absent})`, body);
}

/** What a child process wrote, and how it ended. */
export interface ChildOutput {
  readonly output: string;
  readonly errors: string;
  readonly code: number | null;
}

const keepingSessions = ["--import", join(import.meta.dirname, "keep-sessions.ts")];

/** How {@link runWithWebGpu} runs a file. */
export interface ChildOptions {
  /** Leaves sessions open, which saves compiling shaders again; the file then does not test closing them. */
  readonly keepSessions?: boolean;
}

/** Runs a TypeScript file in a process of its own with the adapter's variables: providers may end the process. */
export async function runWithWebGpu(
  file: string,
  parameters: readonly string[] = [],
  { keepSessions = false }: ChildOptions = {},
): Promise<ChildOutput> {
  const variables = "variables" in found ? found.variables : process.env;
  const imports = ["--import", import.meta.resolve("tsx"), ...(keepSessions ? keepingSessions : [])];
  const child: ChildProcess = spawn(process.execPath, [...imports, file, ...parameters], {
    env: variables,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const [output, errors] = await Promise.all([
    child.stdout === null ? "" : text(child.stdout),
    child.stderr === null ? "" : text(child.stderr),
  ]);
  return { output, errors, code: await ended };
}
