import { scaleLinear } from "d3-scale";
import type { Estimate } from "../evaluation/index.js";
import { coordinate, formatFraction } from "./formats.js";
import { type Html, html } from "./html.js";
import type { StageRow } from "./report-data.js";
import { estimateOf, type StageColumn } from "./stage-columns.js";

const WIDTH = 380;
const [LEFT, RIGHT] = [14, WIDTH - 64];
const ROW_HEIGHT = 42;
const TOP = 6;

/** One dot per stage with its confidence interval as a whisker: what each stage brings, at a glance. */
export function stageChart(rows: readonly StageRow[], column: StageColumn): Html {
  const x = scaleLinear([0, upperLimit(rows, column)], [LEFT, RIGHT]).nice(4);
  const bottom = TOP + rows.length * ROW_HEIGHT;
  const format = x.tickFormat(4);
  const grid = x.ticks(4).map((tick) => {
    const at = coordinate(x(tick));
    return html`<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}"/>
      <text class="tick" x="${at}" y="${bottom + 18}" text-anchor="middle">${format(tick)}</text>`;
  });
  const marks = rows.map((row, index) => {
    const top = TOP + index * ROW_HEIGHT;
    const estimate = estimateOf(row, column.metric);
    const label = html`<text class="row-label" x="4" y="${top + 14}">${shortened(row.stage)}</text>`;
    return html`${label}${estimate === undefined ? notMeasured(top + 30) : whisker(estimate, top + 27, x)}`;
  });
  return html`<figure class="card chart">
  <figcaption><h3>${column.label} by stage</h3></figcaption>
  <svg viewBox="0 0 ${WIDTH} ${bottom + 28}" role="img" aria-label="${column.label} of each stage with its confidence interval; the same figures are in the table below.">${grid}${marks}</svg>
</figure>
`;
}

/** The axis of a small quantity is stretched; otherwise it ends at 1. */
function upperLimit(rows: readonly StageRow[], column: StageColumn): number {
  const highest = rows.reduce((limit, row) => {
    const estimate = estimateOf(row, column.metric);
    return estimate === undefined ? limit : Math.max(limit, estimate.value, clampUnit(estimate.high));
  }, 0);
  return highest > 0.5 || highest === 0 ? 1 : highest;
}

function whisker(estimate: Estimate, y: number, x: (value: number) => number): Html {
  const [low, high] = [clampUnit(estimate.low), clampUnit(estimate.high)];
  return html`<line class="whisker" x1="${coordinate(x(low))}" x2="${coordinate(x(high))}" y1="${y}" y2="${y}"/>
    <circle class="dot series-0" cx="${coordinate(x(clampUnit(estimate.value)))}" cy="${y}" r="4.5"/>
    <text class="row-value" x="${WIDTH - 2}" y="${y + 5}" text-anchor="end">${formatFraction(estimate.value)}</text>`;
}

function notMeasured(y: number): Html {
  return html`<text class="row-missing" x="4" y="${y}">not measured</text>`;
}

function clampUnit(value: number): number {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0;
}

/** Stage names are short; a hostile or very long one must not run over the drawing. */
function shortened(stage: string): string {
  const characters = [...stage];
  return characters.length <= 52 ? stage : `${characters.slice(0, 51).join("")}…`;
}
