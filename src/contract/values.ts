import * as z from "zod/mini";

/** Whole numbers; every message says what would do, so that the page, the server and the command line say the same. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  const orMore = `Give a whole number ${least} or more.`;
  const range = most === Number.MAX_SAFE_INTEGER ? orMore : `Give a whole number from ${least} to ${most}.`;
  return z.int(range).check(z.gte(least, orMore), z.lte(most, `Give a whole number of at most ${most}.`));
}

/** Whole numbers in a range of which both ends are worth saying. */
export function wholeBetween(least: number, most: number) {
  const error = `Give a whole number from ${least} to ${most}.`;
  return z.int(error).check(z.gte(least, error), z.lte(most, error));
}

/** Numbers in a range, both ends included. */
export function between(least: number, most: number, example: number) {
  const error = `Give a number from ${least} to ${most}, such as ${example}.`;
  return z.number(error).check(z.gte(least, error), z.lte(most, error));
}

/** A fraction from 0 to 1. */
export function fraction() {
  const error = "Give a fraction from 0 to 1, such as 0.2.";
  return z.number(error).check(z.gte(0, error), z.lte(1, error));
}

/** Numbers greater than zero; infinity is none. */
export function positive(example: number, most: number = Number.MAX_VALUE, least = 0) {
  const error = `Give a number greater than 0, such as ${example}.`;
  return z
    .number(error)
    .check(
      z.gt(0, error),
      z.gte(least, `Give a number of at least ${least}, such as ${example}.`),
      z.lte(most, `Give a number of at most ${most}, such as ${example}.`),
    );
}

/** The identifier of something in the workspace, or a stage: opaque. */
export const identifier = z.string().check(z.minLength(1), z.maxLength(64));

/** A list that nobody changes. */
export function list<Element extends z.core.$ZodType>(element: Element) {
  return z.readonly(z.array(element));
}
