import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeJpegSlide } from "./write-slide.js";

/** Path of a generated slide, made once and kept beside other temporary files. */
export async function generatedSlide(side: number, tileSide: number): Promise<string> {
  const directory = join(tmpdir(), "epsam-bench");
  const path = join(directory, `jpeg-${side}-${tileSide}.tif`);
  if (existsSync(path)) return path;
  process.stderr.write(`writing ${path}…\n`);
  await mkdir(directory, { recursive: true });
  await writeJpegSlide(`${path}.tmp`, side, tileSide);
  await rename(`${path}.tmp`, path);
  return path;
}
