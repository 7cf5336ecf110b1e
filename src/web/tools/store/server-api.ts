import * as z from "zod/mini";
import {
  type AnnotationConflict,
  type AnnotationEdit,
  type AnnotationStep,
  annotationConflictSchema,
  annotationImportSchema,
  annotationSaveSchema,
  annotationStateSchema,
} from "../../../contract/index.js";
import { paths, problemOf, type RequestOptions, requestJson, ServerProblem } from "../../api/index.js";
import type { AnnotationApi, ImportSource, SaveAnswer } from "./annotation-api.js";

export function serverApi(slide: string): AnnotationApi {
  const path = paths.annotations(slide);
  const save = (to: string, body: AnnotationEdit | AnnotationStep): Promise<SaveAnswer> =>
    orConflict(async () => ({
      saved: await requestJson(annotationSaveSchema, to, { method: "POST", body }),
    }));
  return {
    load: () => requestJson(annotationStateSchema, path),
    edit: (on, title, changes) => save(path, { ...on, title, changes }),
    step: (direction, on) => save(`${path}/${direction}`, on),
    importFrom: ({ revision, author }, from) => {
      const [name, options] = importRequest(from);
      const query = new URLSearchParams({
        revision: `${revision}`,
        ...(author === undefined ? {} : { author }),
      });
      return orConflict(() => requestJson(annotationImportSchema, `${path}/${name}?${query}`, options));
    },
    problemOf,
  };
}

function importRequest(from: ImportSource): [name: string, options: RequestOptions] {
  if (from === "results") return ["results", { method: "POST" }];
  if (from instanceof Blob) return ["import", { method: "POST", file: from }];
  return ["outlines", { method: "POST", body: from }];
}

async function orConflict<Answer>(
  ask: () => Promise<Answer>,
): Promise<Answer | { readonly conflict: AnnotationConflict }> {
  try {
    return await ask();
  } catch (thrown) {
    const conflict = z.safeParse(
      annotationConflictSchema,
      thrown instanceof ServerProblem ? thrown.body : null,
    );
    if (conflict.success) return { conflict: conflict.data };
    throw thrown;
  }
}
