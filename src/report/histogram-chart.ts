import { type ScaleLinear, scaleLinear } from "d3-scale";
import { CHART, chartFigure, chartFrame, missingChart, seriesClass, verticalMarker } from "./chart-frame.js";
import { coordinate, countOf, formatCount } from "./formats.js";
import { type Html, html } from "./html.js";
import type { ScoreDistribution } from "./report-data.js";

/** Bins of 0.05 put the usual thresholds, 0.5 and 0.9, on a border between bins. */
const BIN_COUNT = 20;

interface BinnedGroup {
  readonly name: string;
  readonly size: number;
  /** Values that are not finite and could not be drawn. */
  readonly lost: number;
  readonly counts: readonly number[];
}

/** Histograms of one or more groups over a common axis, from 0 to 1 or as far as the values reach. */
export function histogramChart(distribution: ScoreDistribution): Html {
  const finite = distribution.groups.flatMap((group) => group.values.filter(Number.isFinite));
  if (finite.length === 0) return missingChart(distribution.title, "No scores have been recorded.");
  const low = finite.reduce((a, b) => Math.min(a, b), 0);
  const high = finite.reduce((a, b) => Math.max(a, b), 1);
  const groups = distribution.groups.map((group) => binGroup(group.name, group.values, low, high));
  const tallest = Math.max(1, ...groups.flatMap((group) => group.counts));
  const x = scaleLinear([low, high], [CHART.left + 2, CHART.right - 2]);
  const y = scaleLinear([0, tallest], [CHART.bottom, CHART.top + 18]).nice(5);
  const threshold = distribution.threshold;
  const lost = groups.reduce((sum, group) => sum + group.lost, 0);
  return chartFigure({
    title: distribution.title,
    description: describe(distribution, groups),
    drawing: html`${chartFrame({ x, y, xLabel: distribution.xLabel, yLabel: "patches", wholeY: true })}
      ${groups.map((group, index) => drawGroup(group.counts, index, groups.length, x, y))}
      ${threshold === undefined ? "" : verticalMarker(x(threshold.value), threshold.label)}`,
    legend: groups.map((group) => `${group.name} (${formatCount(group.size)})`),
    mark: "bar",
    table: countsTable(distribution, groups, low, high),
    footnote: lost === 0 ? undefined : `Left out because not finite: ${countOf(lost, "value")}.`,
  });
}

function binGroup(name: string, values: readonly number[], low: number, high: number): BinnedGroup {
  const counts = new Array<number>(BIN_COUNT).fill(0);
  const finite = values.filter(Number.isFinite);
  for (const value of finite) {
    const bin = Math.min(BIN_COUNT - 1, Math.floor(((value - low) / (high - low)) * BIN_COUNT));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { name, size: finite.length, lost: values.length - finite.length, counts };
}

/** Bars of one group; several groups share a bin side by side so that none hides another. */
function drawGroup(
  counts: readonly number[],
  index: number,
  groupCount: number,
  x: ScaleLinear<number, number>,
  y: ScaleLinear<number, number>,
): readonly Html[] {
  const [start = 0, end = 1] = x.range();
  const binWidth = (end - start) / BIN_COUNT;
  const barWidth = (binWidth - 1.5) / groupCount;
  const offset = index * barWidth;
  return counts.flatMap((count, bin) => {
    if (count === 0) return [];
    const top = coordinate(y(count));
    return [
      html`<rect class="bar ${seriesClass(index)}" x="${coordinate(start + bin * binWidth + 0.75 + offset)}" y="${top}" width="${coordinate(barWidth)}" height="${coordinate(CHART.bottom - top)}"/>`,
    ];
  });
}

function describe(distribution: ScoreDistribution, groups: readonly BinnedGroup[]): string {
  const sizes = groups.map((group) => `${group.name}: ${countOf(group.size, "patch", "patches")}`).join("; ");
  const threshold = distribution.threshold;
  const marker =
    threshold === undefined ? "" : ` Threshold marked at ${threshold.value}: ${threshold.label}.`;
  return `Histogram of ${distribution.xLabel}. ${sizes}.${marker}`;
}

function countsTable(
  distribution: ScoreDistribution,
  groups: readonly BinnedGroup[],
  low: number,
  high: number,
): Html {
  const step = (high - low) / BIN_COUNT;
  const rows = Array.from({ length: BIN_COUNT }, (_, bin) => {
    const from = (low + bin * step).toFixed(2);
    const to = (low + (bin + 1) * step).toFixed(2);
    return html`<tr><th scope="row">${from}–${to}</th>${groups.map((group) => html`<td>${group.counts[bin]}</td>`)}</tr>`;
  });
  return html`<table class="numbers" aria-label="${distribution.title}: patches per interval">
<thead><tr><th scope="col">${distribution.xLabel}</th>${groups.map((group) => html`<th scope="col">${group.name}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table>`;
}
