import type { Estimate } from "../evaluation/index.js";
import { countOf, formatChange, formatFraction } from "./formats.js";
import { type Html, html } from "./html.js";
import type { StageComparisonRow, StageRow, StageTable } from "./report-data.js";
import { stageChart } from "./stage-chart.js";
import { bestOf, estimateOf, printed, STAGE_COLUMNS, type StageColumn } from "./stage-columns.js";

const CHARTED = ["positiveDice", "meanIou", "falsePositiveArea"];

/** The table of stages: value, confidence interval, best of the column and change to the stage before. */
export function stageSection(table: StageTable): Html {
  if (table.rows.length === 0) {
    const reason = table.missing ?? "No stage has been evaluated yet.";
    return html`<section id="stages"><h2>What each stage brings</h2><p class="missing">${reason}</p></section>
`;
  }
  const partial = table.missing === undefined ? "" : html`<p class="missing">${table.missing}</p>`;
  const charted = STAGE_COLUMNS.filter((column) => CHARTED.includes(column.metric));
  return html`<section id="stages">
<h2>What each stage brings</h2>
<p>Split <strong>${table.split}</strong>: ${countOf(table.positivePatches, "positive patch", "positive patches")} and
${countOf(table.negativePatches, "negative patch", "negative patches")}. In brackets: ${table.intervalMethod}.</p>
${partial}
<div class="charts">${charted.map((column) => stageChart(table.rows, column))}</div>
<p class="quiet">Below each value: its confidence interval, and the change to the last stage that was measured (arrows ▲ better, ▼ worse). ★ marks the best of a column.</p>
<div class="card scroll" tabindex="0" role="region" aria-label="Stage table">
<table class="stages" aria-label="Figures of every stage on the split ${table.split}">
<thead><tr><th scope="col">Stage</th>${STAGE_COLUMNS.map(columnHeader)}</tr></thead>
<tbody>${table.rows.map((row, index) => stageRow(row, table.rows.slice(0, index), table.rows))}</tbody>
</table>
</div>
${comparisonTable(table.comparisons)}
<details class="values"><summary>What the columns mean</summary><dl class="meanings">${STAGE_COLUMNS.map(
    (column) => html`<dt>${column.label}</dt><dd>${column.meaning}</dd>`,
  )}</dl></details>
</section>
`;
}

function columnHeader(column: StageColumn): Html {
  return html`<th scope="col"><abbr title="${column.meaning}">${column.label}</abbr></th>`;
}

function stageRow(row: StageRow, earlier: readonly StageRow[], all: readonly StageRow[]): Html {
  const header = html`<th scope="row">${row.stage}</th>`;
  if ("missing" in row) {
    return html`<tr>${header}<td class="missing" colspan="${STAGE_COLUMNS.length}">${row.missing}</td></tr>`;
  }
  return html`<tr>${header}${STAGE_COLUMNS.map((column) => {
    const estimate = estimateOf(row, column.metric);
    if (estimate === undefined) return html`<td class="missing">not measured</td>`;
    const previous = earlier
      .map((other) => estimateOf(other, column.metric))
      .findLast((other) => other !== undefined);
    return stageCell(estimate, previous, bestOf(all, column), column);
  })}</tr>`;
}

function stageCell(
  estimate: Estimate,
  previous: Estimate | undefined,
  best: number | undefined,
  column: StageColumn,
): Html {
  const isBest = best !== undefined && printed(estimate.value) === best;
  const mark = isBest
    ? html` <span class="star" aria-hidden="true">★</span><span class="hidden"> (best of the column)</span>`
    : "";
  const interval = html`<span class="interval">[${formatFraction(estimate.low)}, ${formatFraction(estimate.high)}]</span>`;
  return html`<td${isBest ? html` class="best"` : ""}><span class="value">${formatFraction(estimate.value)}${mark}</span>${interval}${changeTo(estimate, previous, column)}</td>`;
}

function changeTo(estimate: Estimate, previous: Estimate | undefined, column: StageColumn): Html {
  if (previous === undefined) return html`<span class="change">first</span>`;
  const [now, before] = [printed(estimate.value), printed(previous.value)];
  if (now === before) return html`<span class="change">${formatChange(0)}</span>`;
  const isBetter = column.isBetter(now, before);
  return html`<span class="change ${isBetter ? "better" : "worse"}"><span aria-hidden="true">${isBetter ? "▲" : "▼"}</span> ${formatChange(now - before)}<span class="hidden"> (${isBetter ? "better" : "worse"})</span></span>`;
}

/** What each fine-tuned decoder gains over its starting points, with paired confidence intervals. */
function comparisonTable(rows: readonly StageComparisonRow[]): Html | "" {
  if (rows.length === 0) return "";
  const caption = "What fine-tuning gains: differences over the same resamples, 95 % intervals";
  return html`<div class="card scroll"><table class="numbers"><caption>${caption}</caption>
<thead><tr><th scope="col">Stage</th><th scope="col">against</th><th scope="col">Mean IoU</th><th scope="col">Dice, positive patches</th></tr></thead>
<tbody>${rows.map(
    ({ stage, against, meanIou, positiveDice }) =>
      html`<tr><th scope="row">${stage}</th><td>${against}</td>${differenceCell(meanIou)}${differenceCell(positiveDice)}</tr>`,
  )}</tbody></table></div>
<p class="quiet">A gain is ▲ better or ▼ worse only when its interval leaves out zero. Both stages are resampled together, so the
intervals are narrower than those of the single values above.</p>
`;
}

function differenceCell(difference: Estimate | undefined): Html {
  if (difference === undefined) return html`<td class="missing">not defined</td>`;
  const { value, low, high } = difference;
  const verdict = low > 0 ? "better" : high < 0 ? "worse" : "";
  const mark =
    verdict === ""
      ? ""
      : html` <span class="change ${verdict}"><span aria-hidden="true">${verdict === "better" ? "▲" : "▼"}</span><span class="hidden"> (${verdict})</span></span>`;
  return html`<td>${formatChange(value)} [${formatChange(low)}, ${formatChange(high)}]${mark}</td>`;
}
