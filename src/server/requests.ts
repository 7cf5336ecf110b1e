import type { Context } from "hono";
import { z } from "zod";
import { EpSamError } from "../common/index.js";

/** A path parameter of a route; Hono's types know it only for literal routes. */
export function parameter(request: Context, name: string): string {
  return request.req.param(name) ?? "";
}

/**
 * A JSON body that fits a schema.
 * @throws EpSamError `usage` when it is of another type, malformed or does not fit
 */
export async function jsonBody<Schema extends z.core.$ZodType>(
  request: Context,
  schema: Schema,
): Promise<z.output<Schema>> {
  const mediaType = (request.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") {
    throw usage(
      "the body",
      "is not JSON",
      `its content type is ${mediaType === "" ? "not told" : mediaType}`,
    );
  }
  const parsed = z.safeParse(schema, parseJson(await request.req.text()));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage(["body", ...(issue?.path ?? [])].join("."), "does not fit", issue?.message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw usage("the body", "is malformed JSON", cause.message);
    throw cause;
  }
}

/** The query of a request that fits a schema of texts. @throws EpSamError `usage` when it does not */
export function queryOf<Schema extends z.core.$ZodType>(request: Context, schema: Schema): z.output<Schema> {
  const parsed = z.safeParse(schema, request.req.query());
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage(["query", ...(issue?.path ?? [])].join("."), "does not fit", issue?.message);
}

/** A whole number from 0 in a path. @throws EpSamError `usage` for anything else */
export function indexParameter(request: Context, name: string): number {
  const text = parameter(request, name);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage(name, "is no whole number from 0", undefined);
}

function usage(where: string, what: string, why: string | undefined): EpSamError {
  return new EpSamError("usage", {
    where,
    what,
    why,
    action: "The message names what is expected.",
  });
}
