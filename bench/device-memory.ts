import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const SAMPLE_MILLISECONDS = 50;
const CARDS = "/sys/class/drm";

/** Memory in use on all GPUs, in bytes: by `nvidia-smi`, else by the amdgpu driver; undefined where neither tells. */
export async function usedDeviceBytes(): Promise<number | undefined> {
  return (await nvidiaBytes()) ?? (await amdBytes());
}

async function nvidiaBytes(): Promise<number | undefined> {
  return promisify(execFile)("nvidia-smi", ["--query-gpu=memory.used", "--format=csv,noheader,nounits"]).then(
    ({ stdout }) =>
      stdout
        .trim()
        .split("\n")
        .map(Number)
        .reduce((sum, mebibytes) => sum + mebibytes, 0) *
      2 ** 20,
    () => undefined,
  );
}

async function amdBytes(): Promise<number | undefined> {
  const cards = await readdir(CARDS).catch(() => []);
  const used = await Promise.all(
    cards
      .filter((card) => /^card\d+$/.test(card))
      .map((card) =>
        readFile(join(CARDS, card, "device", "mem_info_vram_used"), "utf8").catch(() => undefined),
      ),
  );
  const known = used.filter((text) => text !== undefined).map(Number);
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0);
}

/** Samples the GPUs' memory while something runs. */
export class DeviceMemoryWatch {
  readonly #before: number;
  readonly #timer: NodeJS.Timeout;
  #peak: number;

  private constructor(before: number) {
    this.#before = before;
    this.#peak = before;
    this.#timer = setInterval(async () => {
      this.#peak = Math.max(this.#peak, (await usedDeviceBytes()) ?? 0);
    }, SAMPLE_MILLISECONDS);
  }

  /** Begins; undefined where the memory in use cannot be told. */
  static async start(): Promise<DeviceMemoryWatch | undefined> {
    const before = await usedDeviceBytes();
    return before === undefined ? undefined : new DeviceMemoryWatch(before);
  }

  /** Ends; the most memory in use beyond what was before, in bytes. Right when nothing else uses the GPUs. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#peak - this.#before;
  }
}
