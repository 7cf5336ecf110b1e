import { countOf, formatFraction, formatMoment } from "./formats.js";
import { gallerySection } from "./gallery-section.js";
import { histogramChart } from "./histogram-chart.js";
import { type Html, html, trustedMarkup } from "./html.js";
import { lineChart } from "./line-chart.js";
import { overviewSection } from "./overview-section.js";
import type { ClassificationTable, CurveChart, ReportData, RunIdentity } from "./report-data.js";
import { datasetSection, provenanceSection, selectionTable } from "./run-sections.js";
import { stageSection } from "./stage-section.js";
import { STYLESHEET } from "./stylesheet.js";

/** What a browser may load for the page: nothing but its own style sheet and embedded pictures. */
export const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const SECTIONS = [
  ["overview", "At a glance"],
  ["stages", "Stages"],
  ["curves", "Training"],
  ["scores", "Selection"],
  ["gallery", "Gallery"],
  ["data", "Data"],
  ["provenance", "Provenance"],
  ["limits", "Limits"],
] as const;

/**
 * One self-contained HTML page about a run: no script, nothing loaded from elsewhere, readable on a screen, a
 * telephone and paper.
 * @throws EpSamError `internal` naming the patch when a picture is not embedded.
 */
export function renderReport(data: ReportData): string {
  const page = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trustedMarkup(CONTENT_SECURITY_POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${data.title} · EP-SAM report</title>
<style>${trustedMarkup(STYLESHEET)}</style>
</head>
<body>
<a class="skip" href="#overview">Skip to the results</a>
<header class="page">
<p class="kind">EP-SAM run report</p>
<h1>${data.title}</h1>
<p class="byline">${byline(data.run)}</p>
<nav aria-label="Sections"><ul>${SECTIONS.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
</header>
<main>
${overviewSection(data)}
${stageSection(data.stageTable)}
${curvesSection(data.curves)}
${scoresSection(data)}
${gallerySection(data.gallery)}
${datasetSection(data.dataset)}
${provenanceSection(data.run, data.configurationYaml)}
${limitsSection()}
</main>
<footer><p>Segmentation learned from patch labels alone. Research use only.</p></footer>
</body>
</html>
`;
  return `<!doctype html>\n${page.toString()}`;
}

function byline(run: RunIdentity): string {
  return `${formatMoment(run.created)} · preset ${run.preset} · seed ${run.seed}`;
}

function curvesSection(curves: readonly CurveChart[]): Html {
  const body =
    curves.length === 0
      ? html`<p class="missing">Nothing has been trained yet, so there are no curves.</p>`
      : html`<div class="charts">${curves.map(lineChart)}</div>`;
  return html`<section id="curves"><h2>Training</h2>${body}</section>
`;
}

function scoresSection(data: ReportData): Html {
  const charts =
    data.scoreDistributions.length === 0
      ? html`<p class="missing">No scores have been recorded yet.</p>`
      : html`<div class="charts">${data.scoreDistributions.map(histogramChart)}</div>`;
  return html`<section id="scores"><h2>Scores and selection of pseudo-labels</h2>
${classificationTable(data.classification)}
<p>A mask predicted by SAM becomes the next round's pseudo-label when its IDS score, |CAM mask ∩ SAM mask| / (|SAM mask| + 1), reaches the threshold.</p>
${selectionTable(data.selection)}
${charts}
</section>
`;
}

/** How well the patch classifier tells the labels apart, with confidence intervals. */
function classificationTable(table: ClassificationTable | undefined): Html {
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

/** What the figures do not say, and what the law does. */
function limitsSection(): Html {
  return html`<section id="limits"><h2>Limits and legal notice</h2>
<div class="card prose">
<ul>
<li><strong>Research use only.</strong> These segmentations are not a medical device and no basis for diagnosis or treatment. A pathologist must check them before they are used as annotations.</li>
<li>The masks were learned from patch labels. Regions that always appear together with the labelled tissue can be segmented with it, and regions the classifier does not need can be missed.</li>
<li>The confidence intervals cover the choice of test patches. They do not cover another seed, scanner, stain or hospital.</li>
<li>Published figures of other methods rest on other splits and settings; compare with care.</li>
<li>The EP-SAM technique is the subject of Korean patent application 10-2024-0117533; using it, commercially above all, may need a licence from the applicants.</li>
<li>Method: EP-SAM, <cite>arXiv 2410.13621</cite>. This page comes from an independent implementation under the MIT licence. Pretrained weights and data keep their own licences.</li>
</ul>
</div>
</section>
`;
}
