import { type ReadonlySignal, signal } from "@preact/signals";
import {
  type ClassEntry,
  type ClassMeaning,
  classEntrySchema,
  classesSchema,
} from "../../../contract/index.js";
import { paths, requestJson } from "../../api/index.js";
import { showProblem } from "../../interface/index.js";

const known = signal<readonly ClassEntry[]>([]);

/** Classes whose meaning to training is known: those of the customary programs, and those that were made here. */
export const knownClasses: ReadonlySignal<readonly ClassEntry[]> = known;

/** The class of that name, whatever its case. */
export function knownClass(name: string): ClassEntry | undefined {
  return known.value.find((one) => keyOf(one.name) === keyOf(name));
}

export async function loadClasses(): Promise<void> {
  try {
    known.value = await requestJson(classesSchema, paths.classes);
  } catch (thrown) {
    showProblem(thrown);
  }
}

/** Says what a class means. @throws ServerProblem */
export async function chooseMeaning(name: string, meaning: ClassMeaning): Promise<void> {
  const body = { name, meaning };
  const entry = await requestJson(classEntrySchema, paths.classes, { method: "PUT", body });
  known.value = [...known.value.filter((one) => keyOf(one.name) !== keyOf(name)), entry];
}

function keyOf(name: string): string {
  return name.trim().normalize("NFC").toLowerCase();
}
