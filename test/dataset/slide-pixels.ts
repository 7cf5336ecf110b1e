import { basename } from "node:path";

/** The pixels of slides in tests of preparation. */
export const pink = (x: number, y: number) => [200 + (x % 17), 90 + (y % 31), 150 + ((x + y) % 7)] as const;

/** Those of a slide by its file: every slide is another picture. */
export function pinkOf(file: string): typeof pink {
  const shift = [...basename(file)].reduce(
    (sum, letter) => (37 * sum + (letter.codePointAt(0) ?? 0)) % 527,
    0,
  );
  return (x, y) => pink(x + shift, y + shift);
}
