import { basename, join, resolve } from "node:path";
import {
  EpSamError,
  hashFile,
  mapConcurrently,
  packageVersion,
  silentReporter,
  writeFileAtomically,
} from "../../common/index.js";
import { writeMaskPng, writePng } from "../../imaging/index.js";
import { sharedFiles } from "../../slides/index.js";
import { compareImages } from "../image-resolution.js";
import { writeManifest } from "../manifest.js";
import { DESCRIPTION_FILE, openDataset } from "../open-dataset.js";
import {
  countLabels,
  type LabelCounts,
  type ManifestRow,
  patchFileName,
  SPLITS,
  type Split,
} from "../records.js";
import { missingLabel } from "../validate.js";
import { detectInputKind, findInputs } from "./discover.js";
import { type PlanningContext, planFromImages } from "./from-images.js";
import { planFromPatches } from "./from-patches.js";
import { cutImage, cutMask } from "./lattice.js";
import {
  type InputKind,
  type PreparationResult,
  type PreparationSettings,
  type PrepareOptions,
  resolveSettings,
} from "./options.js";
import { type PlannedSource, type PreparationPlan, readSource } from "./source.js";
import { reserveOutput, writeDirectoryAtomically } from "./staging.js";

/** Raised when the layout of dataset directories changes incompatibly. */
const FORMAT_VERSION = 1;

/**
 * Makes a dataset directory from images with masks, or from ready patches; the command `epsam prepare`.
 * The same inputs, settings and seed give the same bytes. Nothing is left behind when it fails.
 * @returns counts, what was left out, and the hash; inputs that could not be used are in `skipped`
 * @throws EpSamError `usage` for options and paths, `input-mask` for missing or non-binary masks, `dataset` when
 * nothing is left or a label is missing altogether, `storage` when the disk is full. Another process that prepares
 * into the same directory is `usage`.
 */
export async function prepareDataset(options: PrepareOptions): Promise<PreparationResult> {
  const settings = resolveSettings(options);
  const files = [options.masks, options.patients].filter((path) => path !== undefined);
  const { out, overwrite = false } = options;
  return reserveOutput({ out, overwrite, inputs: [...options.inputs, ...files] }, () =>
    prepareReserved(options, settings),
  );
}

async function prepareReserved(
  options: PrepareOptions,
  settings: PreparationSettings,
): Promise<PreparationResult> {
  const reporter = options.reporter ?? silentReporter;
  const found = await findInputs(options.inputs);
  const inputKind = detectInputKind(found, options);
  const concurrency = options.concurrency ?? 2;
  const { masks, patients, signal } = options;
  const warnings: string[] = [];
  const warn = (message: string | null): void => {
    if (message === null) return;
    warnings.push(message);
    reporter.warn(message);
  };
  const context = { settings, masks, patients, concurrency, reporter, warn, signal };
  const paths = found.images.map(({ path }) => path);
  for (const difference of await compareImages(paths, settings.mpp, options.anyResolution)) warn(difference);
  const plan =
    inputKind === "images"
      ? await planFromImages(found, context)
      : await planFromPatches(found, context, options.patchSize);
  for (const { file, reason } of plan.skipped) reporter.warn(`Skipped ${file}: ${reason}.`);
  const counts = countLabels(rowsOf(plan));
  checkPlan(options.out, plan, counts, context);
  const hash = await writeDirectoryAtomically(options.out, async (directory) => {
    await writePatches(directory, plan, context);
    await writeManifest(sharedFiles(directory), rowsOf(plan));
    const dataset = await openDataset(directory);
    const description = await describe(inputKind, plan, settings, counts, dataset.hash, warnings);
    await writeFileAtomically(join(directory, DESCRIPTION_FILE), `${JSON.stringify(description, null, 2)}\n`);
    return dataset.hash;
  });
  const { patchSize, discarded, skipped } = plan;
  return { root: resolve(options.out), inputKind, patchSize, counts, discarded, skipped, warnings, hash };
}

function rowsOf(plan: PreparationPlan): ManifestRow[] {
  return plan.sources.flatMap(({ patches }) => patches.map(({ row }) => row));
}

/** @throws EpSamError `dataset` when nothing, or nothing of one label, is left although there is a training split. */
function checkPlan(
  out: string,
  plan: PreparationPlan,
  counts: Record<Split, LabelCounts>,
  { settings, warn, patients }: PlanningContext,
): void {
  const total = countLabels(rowsOf(plan).map((row) => ({ ...row, split: "train" }))).train;
  const patches = total.positive + total.negative;
  const rows = rowsOf(plan);
  const missing = missingLabel(rows);
  if (patches === 0 || (missing !== null && counts.train.positive + counts.train.negative > 0)) {
    throw new EpSamError("dataset", {
      where: out,
      what: patches === 0 ? "no patches are left" : `no ${missing} patches are left`,
      why: explainFilters(plan, total),
      action:
        "Look at the skipped files; try another `patchSize`, a wider `positiveRange` or a higher `negativeLimit`.",
    });
  }
  for (const [index, split] of SPLITS.entries()) {
    const absent = missingLabel(rows.filter((row) => row.split === split));
    const isUnwanted = counts[split].positive + counts[split].negative === 0 && settings.split[index] === 0;
    if (absent === null || isUnwanted) continue;
    const need = split === "test" ? "the test figures will lack them" : "training needs them";
    const table = patients === undefined ? "" : "; where `patients` has a column split, change that";
    warn(
      `The split "${split}" has no ${absent} patches: ${need}. Try another \`seed\` or \`split\`${table}.`,
    );
  }
}

function explainFilters(plan: PreparationPlan, total: LabelCounts): string {
  const { belowPositiveRange, abovePositiveRange, overLimit } = plan.discarded;
  const first = plan.skipped[0];
  const example = first === undefined ? "" : `, for example ${basename(first.file)}: ${first.reason}`;
  return [
    `${plan.sources.length} images used, ${plan.skipped.length} skipped${example}`,
    `${total.positive} positive and ${total.negative} negative patches`,
    `discarded: ${belowPositiveRange} between the negative limit and the positive range`,
    `${abovePositiveRange} above the positive range, ${overLimit} over a limit`,
  ].join("; ");
}

async function writePatches(
  directory: string,
  plan: PreparationPlan,
  { settings, concurrency, reporter, signal }: PlanningContext,
): Promise<void> {
  const needed = plan.sources.filter(({ patches }) => patches.length > 0);
  const total = rowsOf(plan).length;
  let done = 0;
  await mapConcurrently(needed, concurrency, async (source) => {
    signal?.throwIfAborted();
    await writePatchesOf(source, directory, plan.patchSize, settings);
    done += source.patches.length;
    reporter.progress({ task: "writing patches", done, total, detail: basename(source.file.path) });
  });
}

async function writePatchesOf(
  source: PlannedSource,
  directory: string,
  patchSize: number,
  settings: PreparationSettings,
): Promise<void> {
  const { image, mask } = await readSource(source.file, settings.maskValues);
  for (const { row, position } of source.patches) {
    const name = patchFileName(row);
    await writePng(join(directory, row.split, "image", name), cutImage(image, position, patchSize));
    // A negative needs a mask only where a negative limit above 0 let some foreground in.
    if (mask === null || (row.label === 0 && (row.tumourFraction ?? 0) === 0)) continue;
    await writeMaskPng(join(directory, row.split, "mask", name), cutMask(mask, position, patchSize));
  }
}

/** What `dataset.json` holds; no times and no absolute paths, so that equal jobs write equal bytes. */
async function describe(
  inputKind: InputKind,
  plan: PreparationPlan,
  settings: PreparationSettings,
  counts: Record<Split, LabelCounts>,
  hash: string,
  warnings: readonly string[],
) {
  const sources = [];
  for (const { file, width, height, patches } of plan.sources) {
    sources.push({
      image: basename(file.path),
      imageHash: await hashFile(file.path),
      mask: file.maskPath === null ? null : basename(file.maskPath),
      maskHash: file.maskPath === null ? null : await hashFile(file.maskPath),
      width,
      height,
      patches: patches.length,
      split: patches[0]?.row.split ?? null,
    });
  }
  return {
    format: FORMAT_VERSION,
    version: await packageVersion(),
    hash,
    inputKind,
    settings: { ...settings, patchSize: plan.patchSize },
    counts,
    discarded: plan.discarded,
    skipped: plan.skipped.map(({ file, reason }) => ({ file: basename(file), reason })),
    warnings,
    sources,
  };
}
