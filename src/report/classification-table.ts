import { countOf, formatFraction } from "./formats.js";
import { type Html, html } from "./html.js";
import type { ClassificationTable } from "./report-data.js";

/** How well the patch classifier tells the labels apart, with confidence intervals. */
export function classificationTable(table: ClassificationTable | undefined): Html {
  if (table === undefined) {
    return html`<p class="missing">The patch classifier has not been evaluated yet.</p>`;
  }
  const { split, patches, positives, threshold, rows } = table;
  const caption = `Patch classifier on the split ${split}: ${countOf(positives, "positive patch", "positive patches")}, ${countOf(patches - positives, "negative patch", "negative patches")}, threshold ${threshold}`;
  return html`<div class="card scroll"><table class="numbers"><caption>${caption}</caption>
<thead><tr><th scope="col">Figure</th><th scope="col">Value</th><th scope="col">95 % interval</th></tr></thead>
<tbody>${rows.map(({ name, estimate }) =>
    estimate === undefined
      ? html`<tr><th scope="row">${name}</th><td>not defined</td><td>—</td></tr>`
      : html`<tr><th scope="row">${name}</th><td>${formatFraction(estimate.value)}</td><td>${formatFraction(estimate.low)}–${formatFraction(estimate.high)}</td></tr>`,
  )}</tbody></table></div>`;
}
