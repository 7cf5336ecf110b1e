import type { LegendRow } from "./legend-rows.js";

/** CSS pixels. */
const MARGIN = 14;
const LINE = 22;
const SWATCH = { width: 44, height: 12 };

/** Draws names and colours of the layers into the left upper corner of a figure. */
export function drawLegend(context: CanvasRenderingContext2D, rows: readonly LegendRow[]): void {
  if (rows.length === 0) return;
  context.save();
  context.font = "600 14px system-ui, sans-serif";
  context.textBaseline = "middle";
  const widest = Math.max(...rows.map(({ title }) => context.measureText(title).width));
  context.fillStyle = "rgb(255 255 255 / 85%)";
  context.fillRect(MARGIN, MARGIN, SWATCH.width + widest + 3 * MARGIN, rows.length * LINE + MARGIN);
  for (const [index, { title, colours }] of rows.entries()) {
    const [left, middle] = [2 * MARGIN, MARGIN * 1.5 + LINE * (index + 0.5)];
    const top = middle - SWATCH.height / 2;
    const width = SWATCH.width / colours.length;
    for (const [step, [red, green, blue, opacity]] of colours.entries()) {
      context.fillStyle = `rgb(${red} ${green} ${blue} / ${opacity / 255})`;
      context.fillRect(left + step * width, top, width, SWATCH.height);
    }
    context.strokeStyle = "black";
    context.strokeRect(left, top, SWATCH.width, SWATCH.height);
    context.fillStyle = "black";
    context.fillText(title, left + SWATCH.width + MARGIN, middle);
  }
  context.restore();
}
