import { z } from "zod";
import type {
  AnnotationChange,
  AnnotationEdit,
  AnnotationObject,
  AnnotationStep,
} from "../../contract/index.js";
import { annotationLimits } from "./limits.js";

const { coordinate, parts, text, changes } = annotationLimits;

const number = z.number().min(-coordinate).max(coordinate);
const position = z.tuple([number, number]);
const ring = z
  .array(position)
  .min(4)
  .refine((positions) => isClosed(positions), "must be closed: the last position equal to the first");

function isClosed(positions: readonly (readonly [number, number])[]): boolean {
  const [first, last] = [positions[0], positions.at(-1)];
  return first !== undefined && last !== undefined && first[0] === last[0] && first[1] === last[1];
}

const area = z.strictObject({
  type: z.literal("MultiPolygon"),
  coordinates: z.array(z.array(ring).min(1).max(parts)).min(1).max(parts),
});

/** UUIDs as they are written everywhere else, so that one object has one id. */
const id = z.uuid().refine((value) => value === value.toLowerCase(), "must be in lower case");
const label = z
  .string()
  .max(text)
  .refine((value) => !/\p{Cc}/u.test(value), "must not hold control characters");
const filled = label.refine((value) => value.trim() !== "", "must not be empty");

/** An object as the page sends it and the journal keeps it. */
export const objectSchema: z.ZodType<AnnotationObject> = z.strictObject({
  id,
  name: label,
  classification: z.union([z.null(), filled]),
  review: z.enum(["unreviewed", "accepted", "rejected"]),
  origin: z.enum(["drawn", "segmented", "imported", "result"]),
  area,
});

const revision = z.int().min(0);

export const changeSchema: z.ZodType<AnnotationChange> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("add"), object: objectSchema }),
  z.strictObject({ type: z.literal("update"), object: objectSchema }),
  z.strictObject({ type: z.literal("remove"), id }),
]);

export const editSchema: z.ZodType<AnnotationEdit> = z.strictObject({
  revision,
  title: filled,
  changes: z.array(changeSchema).min(1).max(changes),
});

export const stepSchema: z.ZodType<AnnotationStep> = z.strictObject({ revision });
