import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EpSamError, messageOf } from "../../src/common/index.js";
import {
  type Device,
  device,
  elementCount,
  type FloatTensor,
  floatTensor,
  formatShape,
  sameShape,
} from "../../src/graph/index.js";
import { deterministicUniform } from "./deterministic-fill.js";

/** A directory of values computed with the authors' implementation. */
export interface GoldenDirectory {
  readonly path: string;
  /** Begins the names that the inputs are filled from. */
  readonly tag: string;
  /** `golden.json`: the sections by name. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Where the sections are recomputed. */
  readonly device: Device;
}

/** How far one section, or one kind of value in it, is from the golden directory. */
export interface SectionResult {
  readonly section: string;
  readonly largestRelativeError: number;
  readonly tolerance: number;
  /** Where the largest error was found. */
  readonly worst?: string;
}

/** What golden files tell of a tensor: its norm and sum, and the first eight values, row-major. */
export const summarySchema = z.object({
  shape: z.array(z.number()),
  l2: z.number(),
  sum: z.number(),
  head: z.array(z.number()),
});
export type Summary = z.infer<typeof summarySchema>;

/**
 * Reads `golden.json`.
 * @throws EpSamError `usage` when the directory has none or it is not of this format
 */
export async function loadGolden(path: string, target: Device = device()): Promise<GoldenDirectory> {
  const file = join(path, "golden.json");
  try {
    const json = z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(file, "utf8")));
    return { path, tag: z.string().parse(json.tag), json, device: target };
  } catch (cause) {
    throw new EpSamError(
      "usage",
      { what: "is not a golden directory", where: file, why: messageOf(cause) },
      { cause },
    );
  }
}

/**
 * A section of `golden.json`, checked.
 * @throws EpSamError `usage` when it is absent or of another form
 */
export function sectionOf<Section>(
  golden: GoldenDirectory,
  name: string,
  schema: z.ZodType<Section>,
): Section {
  const parsed = schema.safeParse(golden.json[name]);
  if (parsed.success) return parsed.data;
  throw new EpSamError("usage", {
    what: `has no valid section "${name}"`,
    where: join(golden.path, "golden.json"),
    why: z.prettifyError(parsed.error),
  });
}

/** The deterministic fill of `name`: uniform in [low, high). */
export function fill(name: string, shape: readonly number[], low: number, high: number): FloatTensor {
  return floatTensor(shape, deterministicUniform(name, elementCount(shape), low, high));
}

const uniformExpression = /uniform\("([^"]+)",\s*\[([\d,\s]+)\],\s*([^,\s]+),\s*([^)\s]+)\)/;

/**
 * The input that a section describes as `uniform("name",[shape],low,high)`, perhaps with words around it.
 * @throws EpSamError `usage` when the text holds no such expression
 */
export function describedInput(text: string): FloatTensor {
  const [, name, shape, low, high] = uniformExpression.exec(text) ?? [];
  if (name === undefined || shape === undefined) {
    throw new EpSamError("usage", { what: `does not describe an input: ${text}`, where: "golden.json" });
  }
  return fill(name, shape.split(",").map(Number), Number(low), Number(high));
}

/** The largest relative error among named comparisons, as a table row. */
export function sectionResult(
  section: string,
  tolerance: number,
  errors: ReadonlyMap<string, number>,
): SectionResult {
  // An error that is not a number is the worst there is, and so is having compared nothing.
  const ranked = [...errors]
    .map(([name, value]) => [name, Number.isNaN(value) ? Number.POSITIVE_INFINITY : value] as const)
    .sort(([, a], [, b]) => b - a);
  const [worst, error] = ranked[0] ?? ["nothing compared", Number.POSITIVE_INFINITY];
  return { section, largestRelativeError: error, tolerance, worst };
}

/** |actual − expected| relative to a scale, by default the expected value itself. */
export function relativeError(actual: number, expected: number, scale = Math.abs(expected)): number {
  const difference = Math.abs(actual - expected);
  return difference === 0 ? 0 : difference / scale;
}

/** The largest difference of two lists relative to the largest expected value. */
export function listError(actual: ArrayLike<number>, expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(
    ...expected.map((value, index) => relativeError(actual[index] ?? Number.NaN, value, scale)),
  );
}

/** Smallest scales to compare at, where the exact values are zero and both sides hold rounding noise. */
export interface Floors {
  readonly values: number;
  readonly norm: number;
}

const NO_FLOORS: Floors = { values: 0, norm: 0 };

/**
 * The largest relative error of a tensor against its summary: of the norm relative to the norm, of the first
 * values relative to the tensor's largest value.
 * @throws EpSamError `shape` when the shapes differ
 */
export function compareSummary(
  name: string,
  tensor: FloatTensor,
  summary: Summary,
  floors: Floors = NO_FLOORS,
): number {
  if (!sameShape(tensor.shape, summary.shape)) {
    throw new EpSamError("shape", {
      what: `is ${formatShape(tensor.shape)}, not ${formatShape(summary.shape)}`,
      where: name,
    });
  }
  const { norm, largest } = magnitudes(tensor.data);
  const scale = Math.max(largest, floors.values);
  const heads = summary.head.map((value, index) =>
    relativeError(tensor.data[index] ?? Number.NaN, value, scale),
  );
  return Math.max(relativeError(norm, summary.l2, Math.max(summary.l2, floors.norm)), ...heads);
}

function magnitudes(data: Float32Array): { readonly norm: number; readonly largest: number } {
  let squares = 0;
  let largest = 0;
  for (const value of data) {
    squares += value * value;
    largest = Math.max(largest, Math.abs(value));
  }
  return { norm: Math.sqrt(squares), largest };
}
