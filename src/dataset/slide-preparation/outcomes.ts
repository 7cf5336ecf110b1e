import { z } from "zod";
import { ROLES } from "../../annotations/index.js";
import { jsonIfFits } from "../../common/index.js";
import { readSharedText, type SharedFiles, sharedFiles } from "../../slides/index.js";
import { SPLITS } from "../records.js";
import type { SlideFile } from "./find-slides.js";
import { writtenLooksSchema } from "./slide-looks.js";

export const SLIDES_FOLDER = "slides";
/** Of calls that share a preparation: slides that they refused, as they are planned, and that they are at. */
const REFUSED_FOLDER = "refused";
const PLANS_FOLDER = "plans";
const STARTED_FOLDER = "started";
export const SHARED_FOLDERS = [REFUSED_FOLDER, PLANS_FOLDER, STARTED_FOLDER] as const;

/** What is known of one slide once it was examined; patches in level-0 pixels. */
export const examinationSchema = z.object({
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
  /** What the groups of its annotations were taken as, by name. */
  groups: z.record(z.string(), z.enum(ROLES)),
  /** See `slideLooks()`. */
  looks: writtenLooksSchema.nullable(),
  warnings: z.array(z.string()),
});

export type SlideExamination = z.infer<typeof examinationSchema>;

/** Why a slide cannot be used, as a call says that shares the preparation with others. */
const refusalSchema = z.object({
  fingerprint: z.string(),
  during: z.enum(["examining", "writing"]),
  reason: z.string(),
});

/** What was found out about a slide. */
export type SlideOutcome = { readonly accepted: SlideExamination } | { readonly refused: string };

/**
 * What was found out about the slides of a preparation: a file for each, so that calls on several machines can share the
 * directory, and a killed one goes on with the slide it was at.
 */
export class SlideOutcomes {
  readonly #files: SharedFiles;

  /** @param directory a folder, or a place in a bucket */
  constructor(directory: string) {
    this.#files = sharedFiles(directory);
  }

  /** What was found out about a slide, by whichever call, or null when it is to be examined. */
  async outcomeOf(slide: SlideFile, fingerprint: string): Promise<SlideOutcome | null> {
    const refused = await this.refusalOf(slide, fingerprint, "examining");
    if (refused !== null) return { refused };
    const accepted = await this.#examinationOf(slide, fingerprint);
    return accepted === null ? null : { accepted };
  }

  /** Why a call that shares the preparation refused a slide, or null when none did. */
  async refusalOf(
    slide: SlideFile,
    fingerprint: string,
    during: z.infer<typeof refusalSchema>["during"],
  ): Promise<string | null> {
    const text = await readSharedText(this.#files, refusalOfSlide(slide));
    const refusal = text === null ? undefined : jsonIfFits(text, refusalSchema);
    return refusal?.fingerprint === fingerprint && refusal.during === during ? refusal.reason : null;
  }

  /** Keeps what was found out about a slide, for the calls that share the preparation. */
  async keep(slide: SlideFile, outcome: SlideOutcome, fingerprint: string): Promise<void> {
    if ("refused" in outcome) await this.refuse(slide, outcome.refused, fingerprint, "examining");
    else {
      await this.#forgetOther(slide, fingerprint);
      await this.#files.write(examinationOfSlide(slide), JSON.stringify(outcome.accepted));
      await this.#files.remove(refusalOfSlide(slide));
    }
  }

  async refuse(
    slide: SlideFile,
    reason: string,
    fingerprint: string,
    during: z.infer<typeof refusalSchema>["during"],
  ): Promise<void> {
    await this.#files.write(refusalOfSlide(slide), JSON.stringify({ fingerprint, during, reason }));
  }

  /**
   * Marks a slide as begun by a call that shares the preparation.
   * @returns whether one that began it before never came to its end
   */
  async begin(slide: SlideFile): Promise<boolean> {
    return !(await this.#files.create(startOfSlide(slide), ""));
  }

  async end(slide: SlideFile): Promise<void> {
    await this.#files.remove(startOfSlide(slide));
  }

  async #examinationOf(slide: SlideFile, fingerprint: string): Promise<SlideExamination | null> {
    const examination = await this.#examination(slide);
    return examination?.fingerprint === fingerprint ? examination : null;
  }

  async #examination(slide: SlideFile): Promise<SlideExamination | undefined> {
    const text = await readSharedText(this.#files, examinationOfSlide(slide));
    return text === null ? undefined : jsonIfFits(text, examinationSchema);
  }

  /** Patches of the slide, or of its annotations, as they were before they changed would be taken for those of now. */
  async #forgetOther(slide: SlideFile, fingerprint: string): Promise<void> {
    const before = await this.#examination(slide);
    if (before === undefined || before.fingerprint === fingerprint) return;
    const beginning = `${slide.stem}_x`;
    for (const folder of SPLITS.flatMap((split) => [`${split}/image`, `${split}/mask`])) {
      for (const name of await this.#files.namesIn(folder)) {
        if (name.startsWith(beginning)) await this.#files.remove(`${folder}/${name}`);
      }
    }
  }
}

function examinationOfSlide({ stem }: SlideFile): string {
  return `${SLIDES_FOLDER}/${stem}.json`;
}

function startOfSlide({ stem }: SlideFile): string {
  return `${STARTED_FOLDER}/${stem}`;
}

function refusalOfSlide({ stem }: SlideFile): string {
  return `${REFUSED_FOLDER}/${stem}.json`;
}

/** Where a slide's plan lies in a preparation's directory. */
export function planOfSlide({ stem }: Pick<SlideFile, "stem">): string {
  return `${PLANS_FOLDER}/${stem}.json`;
}
