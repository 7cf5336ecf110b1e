import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { z } from "zod";
import { EpSamError, exists, jsonIfFits, messageOf } from "../../common/index.js";
import {
  countLabels,
  DESCRIPTION_FILE,
  type LabelCounts,
  listPatches,
  MANIFEST_FILE,
  nameKey,
  type PatchRecord,
  patchFileName,
  SPLITS,
  type Split,
  stemOf,
} from "../../dataset/index.js";
import { ByVersion } from "../by-version.js";
import { fileVersion } from "../open-slides.js";
import { fileInside, fileInsideOrNull } from "../workspace/inside-root.js";
import type { WorkspaceDirectory } from "../workspace/workspace.js";

/** What is known of a dataset without reading its patches. */
export interface IndexedDataset {
  readonly directory: WorkspaceDirectory;
  readonly patches: readonly PatchRecord[];
  readonly byId: ReadonlyMap<string, PatchRecord>;
  readonly patchSize: number;
  readonly counts: Readonly<Record<Split, LabelCounts>>;
  /** SHA-256 of the data as its description tells it; null without one. */
  readonly hash: string | null;
  /** Level-0 pixels per pixel of a patch, by the slide's name without extension in lower case. */
  readonly pixelSizes: ReadonlyMap<string, number>;
  /** Bytes of the slides' files, by the same; datasets of earlier versions do not tell them. */
  readonly slideBytes: ReadonlyMap<string, number>;
}

/** Indexes of datasets, read again when a manifest changes. */
export class DatasetIndexes {
  readonly #held = new ByVersion<IndexedDataset>();

  /** @throws EpSamError `dataset` when the directory is none or its manifest is damaged */
  async open(directory: WorkspaceDirectory): Promise<IndexedDataset> {
    return this.#held.get(directory.id, await versionOf(directory.root), () => readIndex(directory));
  }
}

/** A dataset without a manifest has changed when its folders have. */
async function versionOf(root: string): Promise<string> {
  const paths = [join(root, MANIFEST_FILE), ...SPLITS.map((split) => join(root, split, "image"))];
  const versions = paths.map(async (path) => ((await exists(path)) ? fileVersion(path) : "-"));
  return (await Promise.all(versions)).join(" ");
}

async function readIndex(directory: WorkspaceDirectory): Promise<IndexedDataset> {
  const patches = await listPatches(directory.root);
  const description = await readDescription(directory.root);
  return {
    directory,
    patches,
    byId: new Map(patches.map((patch) => [patch.id, patch])),
    patchSize: await sideOf(directory.root, patches[0]),
    counts: countLabels(patches),
    hash: description.hash,
    pixelSizes: bySlide(description, ({ pixelSize }) =>
      pixelSize === undefined ? undefined : (pixelSize.x + pixelSize.y) / 2,
    ),
    slideBytes: bySlide(description, ({ bytes }) => bytes),
  };
}

const descriptionSchema = z.object({
  hash: z.string().nullable().default(null),
  sources: z
    .array(
      z.object({
        slide: z.string().optional(),
        bytes: z.number().optional(),
        pixelSize: z.object({ x: z.number(), y: z.number() }).optional(),
      }),
    )
    .default([]),
});

type Description = z.output<typeof descriptionSchema>;

/** What the description tells of each slide, by the key of its name. */
function bySlide(
  { sources }: Description,
  tell: (source: Description["sources"][number]) => number | undefined,
): Map<string, number> {
  return new Map(
    sources.flatMap((source) => {
      const value = tell(source);
      if (source.slide === undefined || value === undefined) return [];
      return [[nameKey(stemOf(source.slide)), value] as const];
    }),
  );
}

/** A damaged description says nothing; training tells of it. */
async function readDescription(root: string): Promise<Description> {
  const path = await fileInsideOrNull(root, DESCRIPTION_FILE);
  const text = path === null ? "" : await readFile(path, "utf8");
  return jsonIfFits(text, descriptionSchema) ?? { hash: null, sources: [] };
}

async function sideOf(root: string, patch: PatchRecord | undefined): Promise<number> {
  if (patch === undefined) return 0;
  const path = await patchFile(root, patch, "image");
  try {
    return (await sharp(path).metadata()).width;
  } catch (cause) {
    throw new EpSamError(
      "dataset",
      { where: path, what: "is no image", why: messageOf(cause), action: "Prepare the dataset again." },
      { cause },
    );
  }
}

/** The file of a patch's image or mask, inside of its dataset. @throws EpSamError `not-found`, `forbidden` */
export function patchFile(root: string, patch: PatchRecord, kind: "image" | "mask"): Promise<string> {
  return fileInside(root, patch.split, kind, patchFileName(patch));
}

/** The patches of a dataset that were cut from a slide. */
export function patchesOfSlide({ patches }: IndexedDataset, slideName: string): PatchRecord[] {
  const wanted = nameKey(slideName);
  return patches.filter(({ slide }) => nameKey(slide) === wanted);
}
