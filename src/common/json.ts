import { readFile } from "node:fs/promises";
import type { z } from "zod";
import { EpSamError, type ErrorTag, messageOf } from "./errors.js";

/** The value of JSON text when it is such and fits the schema, else undefined. */
export function jsonIfFits<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
): z.output<Schema> | undefined {
  const value = jsonValue(text, () => undefined);
  return value === undefined ? undefined : schema.safeParse(value).data;
}

/**
 * The value of JSON text that fits the schema.
 * @param refuse makes the error of why it does not, such as `malformed JSON: …` or `levels.0.width: …`
 * @throws what `refuse` makes
 */
export function parseJson<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  refuse: (why: string, cause: unknown) => Error,
): z.output<Schema> {
  const value = jsonValue(text, (cause) => {
    throw refuse(`malformed JSON: ${cause.message}`, cause);
  });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refuse(whyNot(parsed.error), parsed.error);
}

/** What is wrong with a file that should hold JSON of ours. */
export interface JsonFailure {
  readonly tag: ErrorTag;
  readonly what: string;
  readonly action: string;
}

/**
 * A JSON file that fits the schema.
 * @throws EpSamError as `failure` says, with the file and why it does not fit or cannot be read
 */
export async function readJson<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  { tag, what, action }: JsonFailure,
): Promise<z.output<Schema>> {
  const refuse = (why: string, cause: unknown) =>
    new EpSamError(tag, { where: path, what, why, action }, { cause });
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw refuse(messageOf(cause), cause);
  });
  return parseJson(text, schema, refuse);
}

/** The first reason why a value does not fit, with its place: `sources.3.slide: …`. */
export function whyNot(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return "does not fit";
  return [issue.path.join("."), issue.message].filter((part) => part !== "").join(": ");
}

/** Whether a value is what JSON calls an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonValue(text: string, onMalformed: (cause: SyntaxError) => undefined): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return onMalformed(cause);
    throw cause;
  }
}
