import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { RgbImage } from "../../src/imaging/index.js";
import { findOpenSlide } from "../../src/slides/index.js";
import { describeWith } from "./requirements.js";

/** Debian's Python, where the package python3-openslide lives; another python3 may come first in the path. */
const PYTHON = "/usr/bin/python3";
const SCRIPT = join(import.meta.dirname, "openslide-reader.py");

const available = spawnSync(PYTHON, ["-c", "import openslide, PIL"]).status === 0;

/** `describe`, skipped by a name that says so when OpenSlide for Python is not installed. */
export function describeWithOpenSlide(name: string, body: () => void): void {
  describeWith("openslide", available ? undefined : "python3-openslide absent", name, body);
}

/** True where the system has the library OpenSlide. */
export const hasOpenSlideLibrary = "version" in findOpenSlide();

/** `describe`, skipped by a name that says so when the system has no library OpenSlide. */
export function describeWithOpenSlideLibrary(name: string, body: () => void): void {
  const absent = hasOpenSlideLibrary ? undefined : "the system has no OpenSlide";
  describeWith("openslide", absent, name, body);
}

export interface OpenSlideDescription {
  readonly dimensions: readonly (readonly [number, number])[];
  readonly downsamples: readonly number[];
  readonly properties: Readonly<Record<string, string>>;
  readonly associated: Readonly<Record<string, readonly [number, number]>>;
}

export interface OpenSlideRegion {
  readonly path: string;
  readonly level: number;
  /** Level-0 pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One Python process that answers requests one after another. */
export class OpenSlideReader {
  readonly #child: ChildProcessWithoutNullStreams = spawn(PYTHON, [SCRIPT]);
  readonly #chunks: Buffer[] = [];
  #received = 0;
  #wake: () => void = () => undefined;
  #ended = false;

  constructor() {
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#received += chunk.length;
      this.#wake();
    });
    this.#child.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async describe(path: string): Promise<OpenSlideDescription | { readonly error: string }> {
    return JSON.parse((await this.#ask({ path, describe: true })).toString("utf8"));
  }

  /** RGB bytes on a white ground. */
  readRegion(region: OpenSlideRegion): Promise<Uint8Array> {
    return this.#ask(region);
  }

  readAssociated(path: string, associated: string): Promise<Uint8Array> {
    return this.#ask({ path, associated });
  }

  /** A JPEG stream with the given chroma subsampling, which sharp does not offer in full. */
  encodeJpeg({ width, height, data }: RgbImage, subsampling: "4:2:2"): Promise<Buffer> {
    return this.#ask({ encode: Buffer.from(data).toString("base64"), width, height, subsampling });
  }

  close(): void {
    this.#child.stdin.end();
  }

  async #ask(request: object): Promise<Buffer> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const length = (await this.#take(4)).readUInt32LE(0);
    return this.#take(length);
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#received < length) {
      if (this.#ended) throw new Error("the OpenSlide process ended");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks.splice(0, this.#chunks.length, all.subarray(length));
    this.#received -= length;
    return all.subarray(0, length);
  }
}
