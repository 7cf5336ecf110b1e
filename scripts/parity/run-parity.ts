import { EpSamError, isEpSamError } from "../../src/common/index.js";
import type { GoldenDirectory, SectionResult } from "./golden.js";
import { runCam } from "./sections/cam.js";
import { runEvaluation, runHighFrequency } from "./sections/classifier-evaluation.js";
import { runDropMask, runImportanceMap } from "./sections/classifier-training.js";
import { runImageOperations } from "./sections/image-operations.js";
import { runMetrics } from "./sections/metrics.js";
import { run as runSamPoints } from "./sections/sam-points.js";
import { run as runSamTraining } from "./sections/sam-training.js";

/** A program that recomputes one or more sections of a golden directory. */
interface SectionProgram {
  readonly sections: readonly string[];
  readonly run: (golden: GoldenDirectory) => Promise<SectionResult[]>;
}

/** The one section that is a file of its own instead of a key of `golden.json`. */
const IMAGE_OPERATIONS = "imageops";

const programs: readonly SectionProgram[] = [
  { sections: ["high_frequency"], run: runHighFrequency },
  { sections: ["classifier_eval"], run: runEvaluation },
  { sections: ["classifier_train_drop_mask"], run: runDropMask },
  { sections: ["classifier_train_importance_map"], run: runImportanceMap },
  { sections: ["cam_camelyon16", "cam_camelyon17"], run: runCam },
  { sections: ["sam_points", "sam_points_box_mask_multimask"], run: runSamPoints },
  { sections: ["sam_decoder_training"], run: runSamTraining },
  { sections: ["metrics"], run: runMetrics },
  { sections: [IMAGE_OPERATIONS], run: runImageOperations },
];

/** Every section that a golden directory must have. */
export const sectionNames: readonly string[] = programs.flatMap(({ sections }) => sections);

/** A section that could not be compared, and why. */
export interface SectionFailure {
  readonly section: string;
  readonly reason: string;
}

/** The outcome of a comparison. */
export interface ParityReport {
  readonly results: readonly SectionResult[];
  readonly failures: readonly SectionFailure[];
  /** True when every section was compared and is within its tolerance. */
  readonly passed: boolean;
}

/**
 * Recomputes the sections of a golden directory.
 * @param only the sections wanted; all by default
 * @param onResult called as results come, since a whole run takes a while
 * @throws EpSamError `usage` when `only` names a section that does not exist
 */
export async function runParity(
  golden: GoldenDirectory,
  only: readonly string[] = sectionNames,
  onResult: (result: SectionResult) => void = () => undefined,
): Promise<ParityReport> {
  for (const name of only) requireSection(name);
  const failures = [...structureFailures(golden, only)];
  const results: SectionResult[] = [];
  for (const { sections, run } of programs) {
    const broken = sections.some((name) => failures.some(({ section }) => section === name));
    if (broken || !sections.some((name) => only.includes(name))) continue;
    try {
      const rows = await run(golden);
      results.push(...rows);
      rows.forEach(onResult);
    } catch (cause) {
      if (!isEpSamError(cause)) throw cause;
      failures.push({ section: sections.join(", "), reason: cause.message });
    }
  }
  return { results, failures, passed: failures.length === 0 && results.every(isWithinTolerance) };
}

/** True when the section's largest error does not exceed its tolerance. */
export function isWithinTolerance({ largestRelativeError, tolerance }: SectionResult): boolean {
  return largestRelativeError <= tolerance;
}

function requireSection(name: string): void {
  if (sectionNames.includes(name)) return;
  throw new EpSamError("usage", {
    what: `"${name}" is not a section`,
    where: "--sections",
    action: `Choose from ${sectionNames.join(", ")}.`,
  });
}

/** Sections that are missing, that no program knows, or whose inputs carry another tag. */
function* structureFailures(
  { json, tag }: GoldenDirectory,
  only: readonly string[],
): Generator<SectionFailure> {
  for (const section of only) {
    if (section !== IMAGE_OPERATIONS && json[section] === undefined) {
      yield { section, reason: "is missing from golden.json" };
    }
  }
  for (const [section, content] of Object.entries(json)) {
    if (section === "tag") continue;
    if (!sectionNames.includes(section)) {
      yield { section, reason: "is not a section this program knows" };
    } else if (only.includes(section)) {
      const foreign = foreignInput(content, tag);
      if (foreign !== undefined) {
        yield { section, reason: `describes the input "${foreign}", but the directory's tag is "${tag}"` };
      }
    }
  }
}

/** The name of a described input that does not begin with the tag. */
function foreignInput(section: unknown, tag: string): string | undefined {
  const texts = typeof section === "object" && section !== null ? Object.values(section) : [];
  const names = texts.flatMap((text) =>
    typeof text === "string" ? [...text.matchAll(/uniform\("([^"]+)"/g)].map(([, name = ""]) => name) : [],
  );
  return names.find((name) => !name.startsWith(`${tag}/`));
}
