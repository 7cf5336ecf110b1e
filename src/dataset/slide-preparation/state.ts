import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { EpSamError, exists, hashBytes, isRemotePath, jsonIfFits, storageError } from "../../common/index.js";
import {
  placeInBucket,
  readSharedText,
  type SharedFiles,
  sharedFiles,
  slideFileVersion,
} from "../../slides/index.js";
import { MANIFEST_FILE } from "../manifest.js";
import { DESCRIPTION_FILE } from "../open-dataset.js";
import { replaceDirectory } from "../preparation/staging.js";
import { SPLITS } from "../records.js";
import { WINDOWS_FILE } from "../windows-file.js";
import type { SlideFile } from "./find-slides.js";
import type { SlideSettings } from "./options.js";
import { SHARED_FOLDERS, SLIDES_FOLDER, type SlideExamination, SlideOutcomes } from "./outcomes.js";

export const STATE_FILE = "state.json";
/** How calls that share a preparation divide the slides. */
export const DIVISION_FILE = "division.json";
/** Raised when examinations change their meaning, so that old ones are made again. */
const FORMAT_VERSION = 6;

const stateSchema = z.object({
  format: z.literal(FORMAT_VERSION),
  settings: z.string(),
  slides: z.record(
    z.string(),
    z.object({
      /**
       * `started` and `writing` stay when the program ends during it, whoever ended it; `crashed` is a slide that
       * ended a process of its own.
       */
      state: z.enum(["started", "interrupted", "examined", "writing", "failed", "crashed"]),
      reason: z.string().nullable(),
    }),
  ),
});

type State = z.infer<typeof stateSchema>;

/**
 * A preparation under way: a directory beside the dataset, which becomes the dataset when everything is done; in a bucket,
 * where nothing can be renamed, the dataset's own place, and what makes it one, `dataset.json`, goes there last.
 * `state.json` says for every slide how far it came; what was found out about a slide
 * is kept, so that a killed job goes on with the slide it was at.
 */
export class PreparationState {
  /** Where patches are written until the dataset is complete. */
  readonly directory: string;
  /** What was found out about slides. */
  readonly outcomes: SlideOutcomes;
  readonly files: SharedFiles;
  #state: State;
  /** Slides over which the program, or a process of their own, has ended before. */
  readonly #suspects: ReadonlySet<string>;

  private constructor(directory: string, state: State) {
    const over = Object.entries(state.slides).filter(([, slide]) =>
      ["started", "writing", "crashed"].includes(slide.state),
    );
    this.#suspects = new Set(over.map(([stem]) => stem));
    this.directory = directory;
    this.outcomes = new SlideOutcomes(directory);
    this.files = sharedFiles(directory);
    this.#state = state;
  }

  /**
   * Opens the preparation that was begun for this output, or begins one.
   * @throws EpSamError `usage` when one was begun with other settings and `overwrite` is not given
   */
  static async open(out: string, settings: SlideSettings, overwrite: boolean): Promise<PreparationState> {
    const directory = preparationOf(out);
    const hash = hashBytes(JSON.stringify(settings));
    const isInBucket = isRemotePath(directory);
    const files = sharedFiles(directory);
    const found = await readState(files);
    if (found !== null && found.settings === hash) {
      if (isInBucket) await files.remove(DESCRIPTION_FILE);
      return new PreparationState(directory, found);
    }
    if (found !== null && !overwrite) throw begunOtherwise(directory);
    if (found === null && !overwrite && !isInBucket && (await exists(directory))) {
      const action = "Remove it, or choose another `out` directory.";
      throw new EpSamError("usage", {
        where: directory,
        what: "is in the way and is no preparation",
        action,
      });
    }
    const state = new PreparationState(directory, { format: FORMAT_VERSION, settings: hash, slides: {} });
    if (isInBucket) await emptyPlace(files);
    else {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true }).catch((cause: unknown) => {
        throw storageError(directory, cause);
      });
    }
    await state.#save();
    return state;
  }

  /**
   * Opens the preparation that calls on several machines share, or begins it: what it says of slides are files of their
   * own, so that none writes what another does.
   * @throws EpSamError `usage` when it was begun with other settings
   */
  static async join(out: string, settings: SlideSettings): Promise<PreparationState> {
    const directory = preparationOf(out);
    const hash = hashBytes(JSON.stringify(settings));
    const state: State = { format: FORMAT_VERSION, settings: hash, slides: {} };
    const files = sharedFiles(directory);
    await files.create(STATE_FILE, textOf(state));
    const found = await readState(files);
    if (found === null || found.settings !== hash) {
      throw begunOtherwise(directory, "remove that folder when no other shard works on it");
    }
    return new PreparationState(directory, found);
  }

  /** True when an earlier call got as far as a slide. */
  get isResumed(): boolean {
    return Object.keys(this.#state.slides).length > 0;
  }

  /** Whether the program ended over the slide before, so that it is to be worked on in a process of its own. */
  isSuspect({ stem }: SlideFile): boolean {
    return this.#suspects.has(stem);
  }

  begin(slide: SlideFile): Promise<void> {
    return this.#set(slide, "started");
  }

  async finish(slide: SlideFile, examination: SlideExamination): Promise<void> {
    await this.outcomes.keep(slide, { accepted: examination }, examination.fingerprint);
    await this.#set(slide, "examined");
  }

  fail(slide: SlideFile, reason: string): Promise<void> {
    return this.#set(slide, "failed", reason);
  }

  crash(slide: SlideFile, reason: string): Promise<void> {
    return this.#set(slide, "crashed", reason);
  }

  /** The attempt ended, and the program did not. */
  interrupt(slide: SlideFile): Promise<void> {
    return this.#set(slide, "interrupted");
  }

  beginWriting(slide: SlideFile): Promise<void> {
    return this.#set(slide, "writing");
  }

  endWriting(slide: SlideFile): Promise<void> {
    return this.#set(slide, "examined");
  }

  /** Ends a preparation that came to nothing. */
  async remove(): Promise<void> {
    if (isRemotePath(this.directory)) {
      await emptyPlace(this.files);
      await this.files.remove(STATE_FILE);
    } else await rm(this.directory, { recursive: true, force: true });
  }

  /**
   * Makes the directory the finished dataset, without what only a preparation under way needs. That is kept in the
   * directory's place when a slide crashed, so that the slide can be tried again without examining the others.
   */
  async becomeDataset(out: string): Promise<void> {
    const hasCrashed = Object.values(this.#state.slides).some(({ state }) => state === "crashed");
    if (isRemotePath(out)) {
      for (const name of SHARED_FOLDERS) await this.files.removeFolder(name);
      await this.files.remove(DIVISION_FILE);
      if (hasCrashed) return;
      await this.files.removeFolder(SLIDES_FOLDER);
      await this.files.remove(STATE_FILE);
      return;
    }
    const aside = `${this.directory}.traces`;
    await rm(aside, { recursive: true, force: true });
    if (hasCrashed) await mkdir(aside);
    for (const name of [...SHARED_FOLDERS, DIVISION_FILE]) {
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
    for (const name of [SLIDES_FOLDER, STATE_FILE]) {
      const path = join(this.directory, name);
      if (hasCrashed && (await exists(path))) await rename(path, join(aside, name));
      else await rm(path, { recursive: true, force: true });
    }
    await replaceDirectory(this.directory, out);
    if (hasCrashed) await rename(aside, this.directory);
  }

  async #set(
    { stem }: SlideFile,
    state: State["slides"][string]["state"],
    reason: string | null = null,
  ): Promise<void> {
    this.#state = { ...this.#state, slides: { ...this.#state.slides, [stem]: { state, reason } } };
    await this.#save();
  }

  #save(): Promise<void> {
    return this.files.write(STATE_FILE, textOf(this.#state));
  }
}

function textOf(state: State): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}

/**
 * Removes a dataset, or a preparation, from its place in a bucket, file by file. What is left when that is interrupted is
 * known as a preparation with other settings.
 */
async function emptyPlace(files: SharedFiles): Promise<void> {
  await files.remove(DESCRIPTION_FILE);
  await files.write(STATE_FILE, textOf({ format: FORMAT_VERSION, settings: "", slides: {} }));
  for (const folder of [...SPLITS, ...SHARED_FOLDERS, SLIDES_FOLDER]) await files.removeFolder(folder);
  for (const name of [MANIFEST_FILE, WINDOWS_FILE, DIVISION_FILE]) await files.remove(name);
}

/** Where a dataset is prepared until it is complete. */
export function preparationOf(out: string): string {
  if (isRemotePath(out)) return placeInBucket(out);
  const target = resolve(out);
  return join(dirname(target), `${basename(target)}.partial`);
}

function begunOtherwise(directory: string, otherWay = "pass `overwrite: true` to begin anew"): EpSamError {
  return new EpSamError("usage", {
    where: directory,
    what: "holds a preparation that was begun with other options",
    action: `Repeat it with the same options to go on, or ${otherWay}.`,
  });
}

/** Size and time of a slide and its annotations, and what else an examination rests on. */
export async function fingerprintOf(
  { path, annotationPath }: SlideFile,
  mpp: number | null,
): Promise<string> {
  const parts = [path, ...(annotationPath === null ? [] : [annotationPath])].map(async (file) => {
    // Of a file that is gone, or a link that leads nowhere, opening it tells.
    const version = await slideFileVersion(file).catch(() => null);
    return version === null ? "gone" : `${version.size}:${version.changed ?? version.served}`;
  });
  return [...(await Promise.all(parts)), String(mpp)].join("/");
}

async function readState(files: SharedFiles): Promise<State | null> {
  const text = await readSharedText(files, STATE_FILE);
  return text === null ? null : (jsonIfFits(text, stateSchema) ?? null);
}
