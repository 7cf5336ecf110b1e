import {
  type ClassChoice,
  type ClassRename,
  type ClassRenamed,
  classEntrySchema,
  classesSchema,
  classRenamedSchema,
} from "../../../contract/index.js";
import { paths, requestJson } from "../../api/index.js";
import { showProblem } from "../../interface/index.js";
import { knownClasses, withEntry } from "./known-classes.js";

export async function loadClasses(): Promise<void> {
  try {
    knownClasses.value = await requestJson(classesSchema, paths.classes);
  } catch (thrown) {
    showProblem(thrown);
  }
}

/** Says what a class means, its colour or its key. @throws ServerProblem */
export async function chooseOfClass(body: ClassChoice): Promise<void> {
  const entry = await requestJson(classEntrySchema, paths.classes, { method: "PUT", body });
  knownClasses.value = withEntry(knownClasses.value, entry);
}

/** Gives a class another name, in the annotations of every slide. @throws ServerProblem */
export async function renameClass(body: ClassRename): Promise<ClassRenamed> {
  const renamed = await requestJson(classRenamedSchema, paths.renamedClass, { method: "POST", body });
  await loadClasses();
  return renamed;
}

/** Forgets a class that no annotation has. @throws ServerProblem */
export async function removeClass(name: string): Promise<void> {
  const body = { name };
  knownClasses.value = await requestJson(classesSchema, paths.removedClass, { method: "POST", body });
}
