import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { z } from "zod";
import { sharedPath } from "../support/shared.js";

/** The files of the golden directory. */
export const goldenFiles = [
  "golden.json",
  "imageops.json",
  "cam.safetensors",
  "cam_input.png",
  "cam_mask_camelyon16.png",
  "cam_mask_camelyon17.png",
] as const;

const contentSchema = z.record(z.string(), z.unknown());
const sectionSchema = z.record(z.string(), z.unknown());
export type GoldenContent = z.infer<typeof contentSchema>;

/** A temporary copy of the golden directory, to be damaged. */
export class GoldenCopy {
  private constructor(readonly path: string) {}

  static async create(): Promise<GoldenCopy> {
    const path = await mkdtemp(join(tmpdir(), "epsam-golden-"));
    for (const name of goldenFiles) {
      await writeFile(join(path, name), await readFile(sharedPath("golden", name)));
    }
    return new GoldenCopy(path);
  }

  /** Rewrites `golden.json`. */
  async edit(change: (content: GoldenContent) => GoldenContent): Promise<void> {
    const file = join(this.path, "golden.json");
    const content = contentSchema.parse(JSON.parse(await readFile(file, "utf8")));
    await writeFile(file, JSON.stringify(change(content)));
  }

  /** Rewrites one section of `golden.json`. */
  async editSection(name: string, change: (section: GoldenContent) => GoldenContent): Promise<void> {
    await this.edit((content) => ({ ...content, [name]: change(sectionSchema.parse(content[name])) }));
  }

  /** Inverts one row of a mask. */
  async invertMaskRow(name: string, row: number): Promise<void> {
    const file = join(this.path, name);
    const { data, info } = await sharp(file).greyscale().raw().toBuffer({ resolveWithObject: true });
    for (let x = 0; x < info.width; x++) {
      const pixel = row * info.width + x;
      data[pixel] = 255 - (data[pixel] ?? 0);
    }
    const png = sharp(data, { raw: { width: info.width, height: info.height, channels: 1 } }).png();
    await writeFile(file, await png.toBuffer());
  }

  async removeFile(name: string): Promise<void> {
    await rm(join(this.path, name));
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
