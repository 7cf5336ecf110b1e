import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { exists, readJson, writeFileAtomically } from "../../common/index.js";
import { type ClassMeaning, classMeaningSchema } from "../../contract/index.js";
import { defaultGroupRules, groupKey, LEFT_OUT_GROUP } from "../roles.js";

/** Raised when the file's form changes incompatibly. */
const FORMAT_VERSION = 1;
const CLASSES_FILE = "classes.json";

const lookSchema = z.object({
  name: z.string(),
  colour: z.string().optional(),
  key: z.number().nullable().optional(),
});
const fileSchema = z.object({
  format: z.literal(FORMAT_VERSION),
  classes: z.array(z.object({ name: z.string(), meaning: classMeaningSchema })),
  /** Files of earlier versions have none. */
  looks: z.array(lookSchema).default([]),
});

/** What a class of corrections means to training, for those that users have made themselves. */
export type ClassMeanings = z.infer<typeof fileSchema>["classes"];

/** What was chosen of classes: what those mean that users have made, and colours and keys of any. */
export interface ChosenClasses {
  readonly meanings: ClassMeanings;
  readonly looks: readonly z.infer<typeof lookSchema>[];
}

/**
 * What was chosen of classes in a folder of journals.
 * @throws EpSamError `annotation` when the file is damaged
 */
export async function readChosenClasses(folder: string): Promise<ChosenClasses> {
  const path = join(folder, CLASSES_FILE);
  if (!(await exists(path))) return { meanings: [], looks: [] };
  const { classes, looks } = await readJson(path, fileSchema, {
    tag: "annotation",
    what: "is no list of classes of this version",
    action: "Move it away, and choose again what the classes mean.",
  });
  return { meanings: classes, looks };
}

/** @throws EpSamError `storage` */
export async function writeChosenClasses(folder: string, { meanings, looks }: ChosenClasses): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = { format: FORMAT_VERSION, classes: meanings, ...(looks.length === 0 ? {} : { looks }) };
  await writeFileAtomically(join(folder, CLASSES_FILE), `${JSON.stringify(file, null, 2)}\n`);
}

/** The group that says in an annotation file what a class means; the class itself where nobody has chosen. */
export function groupOfClass(name: string | null, classes: ClassMeanings): string | null {
  const found = classes.find((one) => name !== null && groupKey(one.name) === groupKey(name));
  return found === undefined ? name : GROUPS[found.meaning];
}

/** A group of each role whose meaning everybody knows. */
const [TUMOUR = "", EXCLUSION = ""] = [defaultGroupRules.tumour[0], defaultGroupRules.exclusion[0]];
const GROUPS: Readonly<Record<ClassMeaning, string>> = {
  tumour: TUMOUR,
  exclusion: EXCLUSION,
  unknown: LEFT_OUT_GROUP,
};
