import type { Area } from "../../contract/index.js";

/** An area as the data of an SVG path in level-0 pixels; fill it with the even-odd rule, so that holes stay open. */
export function pathOf({ coordinates }: Area): string {
  return coordinates
    .flat()
    .map((ring) => {
      const open = ring.slice(0, -1);
      return open.length === 0 ? "" : `M${open.map(([x, y]) => `${round(x)},${round(y)}`).join("L")}Z`;
    })
    .join("");
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
