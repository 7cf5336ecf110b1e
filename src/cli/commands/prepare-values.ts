import { InvalidArgumentError } from "@commander-js/extra-typings";

/** A comma-separated list of as many numbers, or null. */
function numbers(text: string, count: number): number[] | null {
  const values = text
    .split(",")
    .map((part) => (/^\s*\d+(\.\d+)?\s*$/.test(part) ? Number(part) : Number.NaN));
  return values.length === count && values.every(Number.isFinite) ? values : null;
}

/** `0.2,0.9` */
export function rangeOfFractions(text: string): readonly [number, number] {
  const [low, high] = numbers(text, 2) ?? [];
  if (low !== undefined && high !== undefined && low <= high && high <= 1) return [low, high];
  throw new InvalidArgumentError("Give two fractions from 0 to 1, the smaller first, such as 0.2,0.9.");
}

/** `60,10,15` */
export function shares(text: string): readonly [number, number, number] {
  const [train, val, test] = numbers(text, 3) ?? [];
  if (train !== undefined && val !== undefined && test !== undefined && train + val + test > 0) {
    return [train, val, test];
  }
  throw new InvalidArgumentError(
    "Give three numbers for train, val and test, such as 60,10,15 or 0.7,0.1,0.2.",
  );
}

/** `binary`, `any` or a number */
export function maskValues(text: string): "binary" | "any" | number {
  if (text === "binary" || text === "any") return text;
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError("Choose binary, any, or the lowest value that means tumour, such as 128.");
}

/** `otsu`, `all` or a saturation */
export function tissueRule(text: string): "otsu" | "all" | number {
  if (text === "otsu" || text === "all") return text;
  if (/^\d+$/.test(text) && Number(text) < 255) return Number(text);
  throw new InvalidArgumentError("Choose otsu, all, or a saturation from 0 to 254, such as 20.");
}
