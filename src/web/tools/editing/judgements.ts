import type { AnnotationObject, Judgement } from "../../../contract/index.js";

/** What is said of objects: whether they are right, or of which class they are, or both. */
export type Saying = Pick<Judgement, "review" | "classification">;

/** Changes that say something of objects, except of those of which it is said already. */
export function judgements(objects: readonly AnnotationObject[], saying: Saying): Judgement[] {
  return objects
    .filter(
      ({ review, classification }) =>
        (saying.review ?? review) !== review ||
        (saying.classification === undefined ? classification : saying.classification) !== classification,
    )
    .map(({ id }) => ({ type: "judge", id, ...saying }));
}
