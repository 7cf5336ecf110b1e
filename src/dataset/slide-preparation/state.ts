import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import {
  EpSamError,
  exists,
  hashBytes,
  jsonIfFits,
  storageError,
  writeFileAtomically,
} from "../../common/index.js";
import type { SlideFile } from "./find-slides.js";
import type { SlideSettings } from "./options.js";

const STATE_FILE = "state.json";
const SLIDES_FOLDER = "slides";
/** Raised when examinations change their meaning, so that old ones are made again. */
const FORMAT_VERSION = 4;
/** A slide that ended the program this often is not tried again. */
const MAXIMUM_CRASHES = 3;

/** What is known of one slide once it was examined; patches in level-0 pixels. */
const examinationSchema = z.object({
  fingerprint: z.string(),
  width: z.number(),
  height: z.number(),
  level: z.number(),
  downsample: z.number(),
  pixelSize: z.object({ x: z.number(), y: z.number() }),
  mpp: z.number().nullable(),
  tissueShare: z.number(),
  latticePatches: z.number(),
  withoutTissue: z.number(),
  missingPixels: z.number(),
  /** Patches with tissue of which not everything is known. */
  notKnown: z.number(),
  /**
   * x, y, tumour fraction and labels of windows (see `encodePresence`; empty without) of the patches with tissue of
   * which enough is known.
   */
  candidates: z.array(z.tuple([z.number(), z.number(), z.number(), z.string()])),
  warnings: z.array(z.string()),
});

export type SlideExamination = z.infer<typeof examinationSchema>;

const stateSchema = z.object({
  format: z.literal(FORMAT_VERSION),
  settings: z.string(),
  slides: z.record(
    z.string(),
    z.object({
      state: z.enum(["started", "examined", "failed"]),
      attempts: z.number(),
      reason: z.string().nullable(),
    }),
  ),
});

type State = z.infer<typeof stateSchema>;

/**
 * A preparation under way: a directory beside the dataset, which becomes the dataset when everything is done.
 * `state.json` says for every slide how often it was tried and how that ended; what was found out about a slide
 * is kept, so that a killed job goes on with the slide it was at.
 */
export class PreparationState {
  /** Where patches are written until the dataset is complete. */
  readonly directory: string;
  readonly #path: string;
  #state: State;

  private constructor(directory: string, state: State) {
    this.directory = directory;
    this.#path = join(directory, STATE_FILE);
    this.#state = state;
  }

  /**
   * Opens the preparation that was begun for this output, or begins one.
   * @throws EpSamError `usage` when one was begun with other settings and `overwrite` is not given
   */
  static async open(out: string, settings: SlideSettings, overwrite: boolean): Promise<PreparationState> {
    const target = resolve(out);
    const directory = join(dirname(target), `${basename(target)}.partial`);
    const hash = hashBytes(JSON.stringify(settings));
    const found = await readState(join(directory, STATE_FILE));
    if (found !== null && found.settings === hash) return new PreparationState(directory, found);
    if (found !== null && !overwrite) {
      throw new EpSamError("usage", {
        where: directory,
        what: "holds a preparation that was begun with other options",
        action: "Repeat it with the same options to go on, or pass `overwrite: true` to begin anew.",
      });
    }
    if (found === null && !overwrite && (await exists(directory))) {
      const action = "Remove it, or choose another `out` directory.";
      throw new EpSamError("usage", {
        where: directory,
        what: "is in the way and is no preparation",
        action,
      });
    }
    const state = new PreparationState(directory, { format: FORMAT_VERSION, settings: hash, slides: {} });
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true }).catch((cause: unknown) => {
      throw storageError(directory, cause);
    });
    await state.#save();
    return state;
  }

  /** True when an earlier call got as far as a slide. */
  get isResumed(): boolean {
    return Object.keys(this.#state.slides).length > 0;
  }

  /** What was found out about a slide, or null when it is to be examined, because it changed too. */
  async examinationOf(slide: SlideFile, fingerprint: string): Promise<SlideExamination | null> {
    if (this.#state.slides[slide.stem]?.state !== "examined") return null;
    const text = await readText(this.#examinationPath(slide));
    const examination = text === null ? undefined : jsonIfFits(text, examinationSchema);
    return examination?.fingerprint === fingerprint ? examination : null;
  }

  /** Why a slide is not tried again, or null. */
  refusalOf({ stem }: SlideFile): string | null {
    const entry = this.#state.slides[stem];
    if (entry?.state !== "started" || entry.attempts < MAXIMUM_CRASHES) return null;
    return `ended the program ${entry.attempts} times while it was examined; \`overwrite: true\` tries it again`;
  }

  async begin({ stem }: SlideFile): Promise<void> {
    const attempts = (this.#state.slides[stem]?.attempts ?? 0) + 1;
    await this.#set(stem, { state: "started", attempts, reason: null });
  }

  async finish(slide: SlideFile, examination: SlideExamination): Promise<void> {
    await writeFileAtomically(this.#examinationPath(slide), JSON.stringify(examination));
    await this.#set(slide.stem, { ...this.#entry(slide.stem), state: "examined", reason: null });
  }

  async fail({ stem }: SlideFile, reason: string): Promise<void> {
    await this.#set(stem, { ...this.#entry(stem), state: "failed", reason });
  }

  /** The attempt was ended from outside, and is not held against the slide. */
  async interrupt({ stem }: SlideFile): Promise<void> {
    const entry = this.#entry(stem);
    await this.#set(stem, { ...entry, attempts: Math.max(0, entry.attempts - 1) });
  }

  /** Ends a preparation that came to nothing. */
  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Removes what only a preparation under way needs. */
  async removeTraces(): Promise<void> {
    await rm(join(this.directory, SLIDES_FOLDER), { recursive: true, force: true });
    await rm(this.#path, { force: true });
  }

  #entry(stem: string): State["slides"][string] {
    return this.#state.slides[stem] ?? { state: "started", attempts: 1, reason: null };
  }

  async #set(stem: string, entry: State["slides"][string]): Promise<void> {
    this.#state = { ...this.#state, slides: { ...this.#state.slides, [stem]: entry } };
    await this.#save();
  }

  #save(): Promise<void> {
    return writeFileAtomically(this.#path, `${JSON.stringify(this.#state, null, 2)}\n`);
  }

  #examinationPath({ stem }: SlideFile): string {
    return join(this.directory, SLIDES_FOLDER, `${stem}.json`);
  }
}

/** Size and time of a slide and its annotations, and what else an examination rests on. */
export async function fingerprintOf(
  { path, annotationPath }: SlideFile,
  mpp: number | null,
): Promise<string> {
  const parts = [path, ...(annotationPath === null ? [] : [annotationPath])].map(async (file) => {
    // Of a file that is gone, or a link that leads nowhere, opening it tells.
    const status = await stat(file).catch(() => null);
    return status === null ? "gone" : `${status.size}:${status.mtimeMs}`;
  });
  return [...(await Promise.all(parts)), String(mpp)].join("/");
}

async function readState(path: string): Promise<State | null> {
  const text = await readText(path);
  return text === null ? null : (jsonIfFits(text, stateSchema) ?? null);
}

async function readText(path: string): Promise<string | null> {
  return (await exists(path)) ? readFile(path, "utf8") : null;
}
