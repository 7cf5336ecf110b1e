import type { ScaleLinear } from "d3-scale";
import { coordinate } from "./formats.js";
import { type Html, html } from "./html.js";

/** The drawing area of every chart, in the units of its view box. */
export const CHART = { width: 380, height: 250, left: 46, right: 370, top: 22, bottom: 202 } as const;

/** Number of distinct line styles the style sheet defines. */
const STYLE_COUNT = 6;

/** The class that gives series `index` its colour and dash pattern. */
export function seriesClass(index: number): string {
  return `series-${index % STYLE_COUNT}`;
}

interface FrameOptions {
  readonly x: ScaleLinear<number, number>;
  readonly y: ScaleLinear<number, number>;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Only whole numbers on an axis that counts. */
  readonly wholeX?: boolean;
  readonly wholeY?: boolean;
}

/** Grid lines, tick labels and axis titles. */
export function chartFrame(options: FrameOptions): Html {
  return html`${horizontalGrid(options)}${verticalTicks(options)}
    <line class="axis" x1="${CHART.left}" x2="${CHART.right}" y1="${CHART.bottom}" y2="${CHART.bottom}"/>
    <text class="axis-title" x="${CHART.right}" y="${CHART.height - 8}" text-anchor="end">${options.xLabel}</text>
    <text class="axis-title" x="4" y="12">${options.yLabel}</text>`;
}

function horizontalGrid({ y, wholeY }: FrameOptions): readonly Html[] {
  const format = wholeY === true ? String : y.tickFormat(5);
  return y
    .ticks(5)
    .filter((tick) => wholeY !== true || Number.isInteger(tick))
    .map((tick) => {
      const at = coordinate(y(tick));
      return html`<line class="grid" x1="${CHART.left}" x2="${CHART.right}" y1="${at}" y2="${at}"/>
        <text class="tick" x="${CHART.left - 7}" y="${at + 4}" text-anchor="end">${format(tick)}</text>`;
    });
}

function verticalTicks({ x, wholeX }: FrameOptions): readonly Html[] {
  const format = wholeX === true ? String : x.tickFormat(6);
  return x
    .ticks(6)
    .filter((tick) => wholeX !== true || Number.isInteger(tick))
    .map((tick) => {
      const at = coordinate(x(tick));
      return html`<line class="axis" x1="${at}" x2="${at}" y1="${CHART.bottom}" y2="${CHART.bottom + 4}"/>
        <text class="tick" x="${at}" y="${CHART.bottom + 19}" text-anchor="middle">${format(tick)}</text>`;
    });
}

/** A vertical marker with a label that stays inside the chart. */
export function verticalMarker(at: number, label: string): Html {
  const isRight = at > (CHART.left + CHART.right) / 2;
  return html`<line class="marker" x1="${coordinate(at)}" x2="${coordinate(at)}" y1="${CHART.top}" y2="${CHART.bottom}"/>
    <text class="marker-label" x="${coordinate(at + (isRight ? -6 : 6))}" y="${CHART.top + 11}" text-anchor="${isRight ? "end" : "start"}">${label}</text>`;
}

/** A figure with heading, drawing, legend and the same numbers as a table for those who cannot see it. */
export function chartFigure(parts: {
  readonly title: string;
  readonly description: string;
  readonly drawing: Html;
  readonly legend: readonly string[];
  /** What a series looks like in the drawing, and so in the legend. */
  readonly mark: "line" | "bar";
  readonly table: Html;
  readonly footnote?: string | undefined;
}): Html {
  const footnote = parts.footnote === undefined ? "" : html`<p class="footnote">${parts.footnote}</p>`;
  return html`<figure class="card chart">
  <figcaption><h3>${parts.title}</h3></figcaption>
  <ul class="legend">${parts.legend.map((name, index) => legendItem(name, index, parts.mark))}</ul>
  <svg viewBox="0 0 ${CHART.width} ${CHART.height}" role="img" aria-label="${parts.description}">${parts.drawing}</svg>
  ${footnote}
  <details class="values"><summary>Values as a table</summary><div class="scroll">${parts.table}</div></details>
</figure>
`;
}

function legendItem(name: string, index: number, mark: "line" | "bar"): Html {
  const style = seriesClass(index);
  const sample =
    mark === "line"
      ? html`<line class="line ${style}" x1="1" x2="29" y1="5" y2="5"/>`
      : html`<rect class="bar ${style}" x="10" width="10" height="10"/>`;
  return html`<li><svg class="swatch" viewBox="0 0 30 10" aria-hidden="true">${sample}</svg>${name}</li>`;
}

/** A card that says why a chart is missing. */
export function missingChart(title: string, reason: string): Html {
  return html`<figure class="card chart"><figcaption><h3>${title}</h3></figcaption><p class="missing">${reason}</p></figure>
`;
}
