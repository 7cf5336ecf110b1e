import { formatChange } from "./formats.js";
import { type Html, html } from "./html.js";
import type { Estimate, StageComparisonRow } from "./report-data.js";

/** What each fine-tuned decoder gains over its starting points, with paired confidence intervals. */
export function comparisonTable(rows: readonly StageComparisonRow[]): Html | "" {
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
