import { countOf, formatCount, formatDuration, formatMoment } from "./formats.js";
import { type Html, html } from "./html.js";
import type { DatasetSummary, RunIdentity, SelectionRow, SplitCounts } from "./report-data.js";

/** Who, when, with what: enough to repeat the run. */
export function provenanceSection(run: RunIdentity, configurationYaml: string): Html {
  return html`<section id="provenance"><h2>Provenance</h2>
<div class="card">
<dl class="facts">
<dt>Started</dt><dd>${formatMoment(run.created)}</dd>
<dt>Working time</dt><dd>${formatDuration(run.durationSeconds)}</dd>
<dt>Preset and seed</dt><dd>${run.preset}, seed ${run.seed}</dd>
<dt>Device</dt><dd>${run.device}</dd>
<dt>Versions</dt><dd>${Object.entries(run.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")}</dd>
<dt>Command</dt><dd><code>${run.commandLine}</code></dd>
<dt>Data, SHA-256</dt><dd><code class="hash">${run.dataHash}</code></dd>
</dl>
</div>
${weightsTable(run)}
<details class="card"><summary>Configuration</summary><pre tabindex="0"><code>${configurationYaml}</code></pre></details>
</section>
`;
}

function weightsTable(run: RunIdentity): Html {
  if (run.weights.length === 0)
    return html`<p class="missing">No weights have been recorded for this run.</p>`;
  const rows = run.weights.map(
    (weight) =>
      html`<tr><th scope="row">${weight.name}</th><td>${weight.file}</td><td><code class="hash">${weight.sha256}</code></td></tr>`,
  );
  return html`<div class="card scroll"><table><caption>Weights</caption>
<thead><tr><th scope="col">Name</th><th scope="col">File</th><th scope="col">SHA-256</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Patches per split and label. */
export function datasetSection(dataset: DatasetSummary): Html {
  return html`<section id="data"><h2>Data</h2>
<p><code>${dataset.location}</code>: ${patchDescription(dataset)}. Training sees the 0/1 label of a patch, never its pixel mask.</p>
${dataset.splits.length === 0 ? html`<p class="missing">No splits have been recorded.</p>` : splitTable(dataset.splits)}
</section>
`;
}

function patchDescription(dataset: DatasetSummary): string {
  const size = `patches of ${dataset.patchSize} × ${dataset.patchSize} pixels`;
  const scale = dataset.micronsPerPixel;
  return scale === undefined ? `${size}, microns per pixel not known` : `${size} at ${scale} µm per pixel`;
}

function splitTable(splits: readonly SplitCounts[]): Html {
  const rows = splits.map(
    (
      split,
    ) => html`<tr><th scope="row">${split.split}</th><td>${formatCount(split.positive)}</td><td>${formatCount(split.negative)}</td>
<td>${formatCount(split.positive + split.negative)}</td><td>${formatCount(split.sources)}</td><td>${maskCoverage(split)}</td></tr>`,
  );
  return html`<div class="card scroll"><table class="numbers" aria-label="Patches per split and label">
<thead><tr><th scope="col">Split</th><th scope="col">Positive</th><th scope="col">Negative</th><th scope="col">Total</th><th scope="col">Sources</th><th scope="col">With mask</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function maskCoverage(split: SplitCounts): string {
  if (split.withMask === 0) return "none";
  return split.withMask === split.positive ? "all" : formatCount(split.withMask);
}

/** How many pseudo-labels each round kept. */
export function selectionTable(selection: readonly SelectionRow[]): Html {
  if (selection.length === 0) return html`<p class="missing">No pseudo-labels have been selected yet.</p>`;
  const rows = selection.map((row) => {
    const share = row.total === 0 ? 0 : Math.min(1, row.kept / row.total);
    const percent = row.total === 0 ? "—" : `${(100 * share).toFixed(1)} %`;
    return html`<tr><th scope="row">${row.stage}</th><td>${formatCount(row.kept)}</td><td>${formatCount(row.total)}</td>
<td>${percent}</td><td class="bar-cell"><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${percent} of ${countOf(row.total, "mask")} kept"><rect class="track" width="100" height="10"/><rect class="fill" width="${Number((100 * share).toFixed(1))}" height="10"/></svg></td></tr>`;
  });
  return html`<div class="card scroll"><table class="numbers"><caption>SAM masks kept as pseudo-labels</caption>
<thead><tr><th scope="col">After</th><th scope="col">Kept</th><th scope="col">Of</th><th scope="col">Share</th><th scope="col"><span class="hidden">Share as a bar</span></th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
