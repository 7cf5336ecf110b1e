import type { Context } from "hono";
import { z } from "zod";
import { EpSamError, jsonPieces, must, parseJson, Slices } from "../common/index.js";

/** Characters from which a piece of an answer is sent. */
const LEAST_SENT = 2 ** 14;

/** A path parameter of a route; Hono's types know it only for literal routes. */
export function parameter(request: Context, name: string): string {
  return must({ get: (key: string) => request.req.param(key) }, name, "parameter of the route");
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
  const text = await request.req.text();
  return fitting(
    schema,
    parseJson(text, z.unknown(), (why) => usage("the body", "is malformed JSON", why)),
    "body",
  );
}

/** A value as JSON, see {@link streamOf}. */
export function jsonResponse(value: object, status = 200): Response {
  return new Response(streamOf(jsonPieces(value)), {
    status,
    headers: { "Content-Type": "application/json" },
  });
}

/** A text that is made piece by piece while it is sent, so that others are answered meanwhile. */
export function streamOf(pieces: Iterator<string>): ReadableStream<Uint8Array> {
  const [encoder, slices] = [new TextEncoder(), new Slices()];
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await slices.next();
      let text = "";
      let next = pieces.next();
      for (; next.done !== true && text.length < LEAST_SENT; next = pieces.next()) text += next.value;
      if (next.done !== true) text += next.value;
      if (text !== "") controller.enqueue(encoder.encode(text));
      if (next.done === true) controller.close();
    },
  });
}

/** The query of a request that fits a schema of texts. @throws EpSamError `usage` when it does not */
export function queryOf<Schema extends z.core.$ZodType>(request: Context, schema: Schema): z.output<Schema> {
  return fitting(schema, request.req.query(), "query");
}

function fitting<Schema extends z.core.$ZodType>(
  schema: Schema,
  value: unknown,
  place: string,
): z.output<Schema> {
  const parsed = z.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage([place, ...(issue?.path ?? [])].join("."), "does not fit", issue?.message);
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
