import { formatChange, formatCount, formatDuration, formatFraction } from "./formats.js";
import { type Html, html } from "./html.js";
import type { ReportData, StageMetric, StageRow } from "./report-data.js";
import { estimateOf, printed } from "./stage-columns.js";

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly detail: string;
}

/** The main figures in large type, then warnings and notes. */
export function overviewSection(data: ReportData): Html {
  const tiles = [...resultTiles(data.stageTable.rows, data.stageTable.split), ...jobTiles(data)];
  return html`<section id="overview"><h2>At a glance</h2>
<dl class="tiles">${tiles.map(
    (tile) =>
      html`<div class="tile"><dt>${tile.name}</dt><dd><strong>${tile.value}</strong><span>${tile.detail}</span></dd></div>`,
  )}</dl>
${remarks("warning", "Warnings", data.warnings)}${remarks("note", "Notes", data.notes)}
</section>
`;
}

function resultTiles(rows: readonly StageRow[], split: string): readonly Tile[] {
  const measured = rows.filter((row) => estimateOf(row, "positiveDice") !== undefined);
  const [first, last] = [measured.at(0), measured.at(-1)];
  if (first === undefined || last === undefined) {
    return [{ name: "Segmentation", value: "not measured", detail: "see the stage table for the reason" }];
  }
  const dice = metricTile("Dice", last, "positiveDice", split);
  const iou = metricTile("IoU", last, "positiveIou", split);
  const [before, after] = [estimateOf(first, "positiveDice"), estimateOf(last, "positiveDice")];
  if (first === last || before === undefined || after === undefined) return [...dice, ...iou];
  const change = formatChange(printed(after.value) - printed(before.value));
  return [
    ...dice,
    ...iou,
    { name: "Change in Dice", value: change, detail: `from “${first.stage}” to “${last.stage}”` },
  ];
}

function metricTile(name: string, row: StageRow, metric: StageMetric, split: string): readonly Tile[] {
  const estimate = estimateOf(row, metric);
  if (estimate === undefined) return [];
  const interval = `[${formatFraction(estimate.low)}, ${formatFraction(estimate.high)}]`;
  return [
    {
      name: `${name}, positive ${split} patches`,
      value: formatFraction(estimate.value),
      detail: `${interval}, ${row.stage}`,
    },
  ];
}

function jobTiles(data: ReportData): readonly Tile[] {
  const positive = data.dataset.splits.reduce((sum, split) => sum + split.positive, 0);
  const negative = data.dataset.splits.reduce((sum, split) => sum + split.negative, 0);
  return [
    {
      name: "Patches",
      value: formatCount(positive + negative),
      detail: `${formatCount(positive)} positive, ${formatCount(negative)} negative`,
    },
    { name: "Working time", value: formatDuration(data.run.durationSeconds), detail: data.run.device },
  ];
}

function remarks(kind: "warning" | "note", heading: string, lines: readonly string[]): Html {
  if (lines.length === 0) {
    return kind === "warning" ? html`<p class="quiet">No warnings were raised during this run.</p>` : html``;
  }
  return html`<aside class="remarks ${kind}" aria-label="${heading}"><h3>${heading}</h3><ul>${lines.map((line) => html`<li>${line}</li>`)}</ul></aside>`;
}
