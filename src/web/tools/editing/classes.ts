import {
  type AnnotationObject,
  type ClassEntry,
  type ClassMeaning,
  MEASUREMENT_CLASS,
  REVIEWED_CLASS,
  SQUARE_CLASSES,
} from "../../../contract/index.js";
import { knownClass } from "../store/known-classes.js";

/** What meanings are called that somebody can choose. */
export const MEANINGS: Readonly<Record<ClassMeaning, string>> = {
  tumour: "tumour",
  exclusion: "no tumour",
  unknown: "ignore: left out of training",
};

/** Classes that are offered before anybody has used one: those that training understands without being told. */
export const USUAL_CLASSES = ["Tumor", "Exclusion", REVIEWED_CLASS] as const;

/** Okabe and Ito's palette without its greys: colours that colour-blind eyes tell apart. */
const PALETTE = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"] as const;
const OWN: Readonly<Record<string, string>> = {
  Tumor: PALETTE[0],
  Exclusion: PALETTE[1],
  [REVIEWED_CLASS]: PALETTE[2],
  [MEASUREMENT_CLASS]: "#111827",
  [SQUARE_CLASSES.tumour]: PALETTE[0],
  [SQUARE_CLASSES.other]: PALETTE[1],
};
const WITHOUT_CLASS = "#e0b400";

/** The colour of a class, the same on every slide: the chosen one, or one that follows from its name. */
export function colourOfClass(classification: string | null): string {
  if (classification === null) return WITHOUT_CLASS;
  const chosen = knownClass(classification)?.colour;
  if (chosen !== undefined) return chosen;
  const own = OWN[classification];
  if (own !== undefined) return own;
  let sum = 0;
  for (const character of classification) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return PALETTE[3 + (sum % (PALETTE.length - 3))] ?? WITHOUT_CLASS;
}

/** The classes to choose from: the usual ones, those that somebody has made, then those in use. */
export function classesOf(objects: Iterable<AnnotationObject>, known: readonly ClassEntry[] = []): string[] {
  const made = known.filter(({ isFixed }) => !isFixed).map(({ name }) => name);
  const all = new Set<string>([...USUAL_CLASSES, ...made]);
  for (const { classification } of objects) if (classification !== null) all.add(classification);
  return [...all];
}

/** What an object is called in lists and messages. */
export function titleOf({ name, classification }: Pick<AnnotationObject, "name" | "classification">): string {
  return name === "" ? (classification ?? "No class") : name;
}
