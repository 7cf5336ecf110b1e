import type {
  AnnotationConflict,
  AnnotationEdit,
  AnnotationImport,
  AnnotationSave,
  AnnotationState,
  AnnotationStep,
} from "../../../contract/index.js";
import { paths, problemOf, type RequestOptions, requestJson, ServerProblem } from "../../api/index.js";
import type { AnnotationApi, SaveAnswer } from "./slide-annotations.js";

/** The annotations of a slide on the server. */
export function serverApi(slide: string): AnnotationApi {
  const path = paths.annotations(slide);
  const save = (to: string, body: AnnotationEdit | AnnotationStep): Promise<SaveAnswer> =>
    orConflict(async () => ({ saved: await requestJson<AnnotationSave>(to, { method: "POST", body }) }));
  return {
    load: () => requestJson<AnnotationState>(path),
    edit: (revision, title, changes) => save(path, { revision, title, changes }),
    step: (direction, revision) => save(`${path}/${direction}`, { revision }),
    importFrom: (revision, file) => {
      const from = file === "results" ? "results" : "import";
      const options: RequestOptions = file === "results" ? { method: "POST" } : { method: "POST", file };
      return orConflict(() => requestJson<AnnotationImport>(`${path}/${from}?revision=${revision}`, options));
    },
    problemOf,
  };
}

async function orConflict<Answer>(
  ask: () => Promise<Answer>,
): Promise<Answer | { readonly conflict: AnnotationConflict }> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof ServerProblem && isConflict(thrown.body)) return { conflict: thrown.body };
    throw thrown;
  }
}

function isConflict(body: unknown): body is AnnotationConflict {
  return typeof body === "object" && body !== null && "current" in body && "since" in body;
}
