import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { exists, readJson, writeFileAtomically } from "../../common/index.js";
import { type ClassMeaning, classMeaningSchema } from "../../contract/index.js";
import { defaultGroupRules, groupKey, LEFT_OUT_GROUP } from "../roles.js";

/** Raised when the file's form changes incompatibly. */
const FORMAT_VERSION = 1;
const CLASSES_FILE = "classes.json";

const fileSchema = z.object({
  format: z.literal(FORMAT_VERSION),
  classes: z.array(z.object({ name: z.string(), meaning: classMeaningSchema })),
});

/** What a class of corrections means to training, for those that users have made themselves. */
export type ClassMeanings = z.infer<typeof fileSchema>["classes"];

/**
 * The meanings that were chosen in a folder of journals.
 * @throws EpSamError `annotation` when the file is damaged
 */
export async function readClassMeanings(folder: string): Promise<ClassMeanings> {
  const path = join(folder, CLASSES_FILE);
  if (!(await exists(path))) return [];
  const { classes } = await readJson(path, fileSchema, {
    tag: "annotation",
    what: "is no list of classes of this version",
    action: "Move it away, and choose again what the classes mean.",
  });
  return classes;
}

/** @throws EpSamError `storage` */
export async function writeClassMeanings(folder: string, classes: ClassMeanings): Promise<void> {
  await mkdir(folder, { recursive: true });
  const content = JSON.stringify({ format: FORMAT_VERSION, classes }, null, 2);
  await writeFileAtomically(join(folder, CLASSES_FILE), `${content}\n`);
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
