import { classificationTable } from "./classification-table.js";
import { formatMoment } from "./formats.js";
import { gallerySection } from "./gallery-section.js";
import { histogramChart } from "./histogram-chart.js";
import { type Html, html, trustedMarkup } from "./html.js";
import { limitsSection } from "./legal.js";
import { lineChart } from "./line-chart.js";
import { overviewSection } from "./overview-section.js";
import type { CurveChart, ReportData, RunIdentity } from "./report-data.js";
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
