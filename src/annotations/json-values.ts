import { z } from "zod";
import { isRecord, parseJson } from "../common/index.js";
import { annotationError, MAXIMUM_COORDINATE, VertexBudget } from "./errors.js";

/** A member of a JSON file and where it is, for messages such as `features[3].geometry`. */
export interface JsonPlace {
  readonly path: string;
  readonly at: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** A text, or what QuPath writes for a measurement that is not defined, and JSON does not know. */
const TEXT_OR_NO_NUMBER = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;

/** `NaN`, `Infinity` and `-Infinity` are read as null. @throws EpSamError `annotation` when the text is not JSON */
export function parseAnnotationJson(path: string, text: string): unknown {
  checkBrackets(path, text);
  const json = /NaN|Infinity/.test(text)
    ? text.replace(TEXT_OR_NO_NUMBER, (found) => (found.startsWith('"') ? found : "null"))
    : text;
  return parseJson(json, z.unknown(), (why, cause) =>
    annotationError(path, "is not well-formed JSON", { why, cause }),
  );
}

/** Every position is an array, so brackets tell too many vertices before they take up memory. */
function checkBrackets(path: string, text: string): void {
  const budget = new VertexBudget(path);
  for (let at = text.indexOf("["); at >= 0; at = text.indexOf("[", at + 1)) budget.spend(1);
}

/** What a value is, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  return Array.isArray(value) ? "an array" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

/** An error that says what belongs at a place and what is there. */
export function wrongType({ path, at }: JsonPlace, expected: string, value: unknown): Error {
  const what = `has ${kindOf(value)} where ${expected} belongs`;
  return annotationError(path, what, { place: at === "" ? "the top level" : at });
}

export function requireArray(place: JsonPlace, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrongType(place, "an array", value);
}

export function requireObject(place: JsonPlace, value: unknown): JsonObject {
  if (isRecord(value)) return value;
  throw wrongType(place, "an object", value);
}

/** x and y of a position; a third number, which GeoJSON allows, is left out. */
export function requirePosition(place: JsonPlace, value: unknown): readonly [x: number, y: number] {
  const [x, y] = Array.isArray(value) ? value : [];
  if (isCoordinate(x) && isCoordinate(y)) return [x, y];
  const why = `two numbers of at most ${MAXIMUM_COORDINATE} belong there`;
  const what = `has the position ${positionText(value)}`;
  throw annotationError(place.path, what, { place: place.at, why });
}

/** Without JSON.stringify, which nested values of any depth would break. */
function positionText(value: unknown): string {
  if (!Array.isArray(value)) return kindOf(value);
  const parts = value.slice(0, 3).map((part) => (typeof part === "number" ? String(part) : kindOf(part)));
  return `[${parts.join(", ")}]`;
}

export function isCoordinate(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= MAXIMUM_COORDINATE;
}

export function member(place: JsonPlace, key: string | number): JsonPlace {
  const at = typeof key === "number" ? `${place.at}[${key}]` : place.at === "" ? key : `${place.at}.${key}`;
  return { path: place.path, at };
}
