import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { type DeviceRequest, deviceNames, parseDeviceRequest } from "../graph/index.js";

/** Whole numbers from `minimum` to `maximum`; the message names the range, commander adds the option. */
export function wholeNumber(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    const range =
      maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `from ${minimum} to ${maximum}`;
    throw new InvalidArgumentError(`Give a whole number ${range}.`);
  };
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function decimal(text: string): number {
  return DECIMAL.test(text) ? Number(text) : Number.NaN;
}

/** Decimal numbers greater than zero. */
export function positiveNumber(text: string): number {
  const value = decimal(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Give a number greater than 0, such as 0.25.");
}

/** Numbers from 0 to 1. */
export function fraction(text: string): number {
  const value = decimal(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("Give a fraction from 0 to 1, such as 0.2.");
}

/** A path; an empty one, as from an unset shell variable, is refused. */
export function path(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("Give a path that is not empty.");
}

/** `--json` */
export function jsonOption() {
  return new Option("--json", "print one JSON document on standard output (progress goes to standard error)");
}

/** `--seed <integer>` */
export function seedOption() {
  return new Option("--seed <integer>", "seed of every random choice").argParser(wholeNumber(0, 2 ** 32 - 1));
}

/** `--device <name>`; {@link deviceFor} makes a device of it. */
export function deviceOption() {
  return new Option("--device <name>", `where to compute: auto, ${deviceNames.join(", ")}`)
    .argParser(parseDeviceRequest)
    .default("auto" satisfies DeviceRequest as DeviceRequest);
}

/** `--overwrite` */
export function overwriteOption() {
  return new Option("--overwrite", "replace what is already at the output");
}

/** `--out <directory>` */
export function outOption(description: string) {
  return new Option("--out <directory>", description).argParser(path);
}
