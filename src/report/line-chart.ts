import { type ScaleLinear, scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { CHART, chartFigure, chartFrame, missingChart, seriesClass, verticalMarker } from "./chart-frame.js";
import { coordinate, formatValue } from "./formats.js";
import { type Html, html } from "./html.js";
import type { CurveChart, CurvePoint, CurveSeries } from "./report-data.js";

type Scale = ScaleLinear<number, number>;

/** A line chart over epochs, with the epoch whose weights were kept marked. */
export function lineChart(chart: CurveChart): Html {
  const finite = chart.series.flatMap((series) => series.points.filter(isFinitePoint));
  if (finite.length === 0) return missingChart(chart.title, "No values have been recorded for this curve.");
  const x = scaleLinear(paddedExtent(finite.map((point) => point.epoch)), [CHART.left + 6, CHART.right - 6]);
  const y = scaleLinear(paddedExtent(finite.map((point) => point.value)), [
    CHART.bottom,
    CHART.top + 18,
  ]).nice(5);
  const marker =
    chart.bestEpoch === undefined ? "" : verticalMarker(x(chart.bestEpoch), `kept: epoch ${chart.bestEpoch}`);
  const lost = chart.series.flatMap((series) => series.points).length - finite.length;
  return chartFigure({
    title: chart.title,
    description: describe(chart, finite),
    drawing: html`${chartFrame({ x, y, xLabel: "epoch", yLabel: chart.yLabel, wholeX: true })}${marker}
      ${chart.series.map((series, index) => drawSeries(series, index, x, y))}`,
    legend: chart.series.map((series) => series.name),
    mark: "line",
    table: valuesTable(chart),
    footnote: lost === 0 ? undefined : `Values that are not finite interrupt the lines (${lost} in all).`,
  });
}

function isFinitePoint(point: CurvePoint): boolean {
  return Number.isFinite(point.epoch) && Number.isFinite(point.value);
}

/** Smallest and largest value, widened when they coincide so that a scale can be made. */
function paddedExtent(values: readonly number[]): [number, number] {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  if (low < high) return [low, high];
  const margin = Math.max(Math.abs(low) * 0.1, 0.5);
  return [low - margin, high + margin];
}

function drawSeries(series: CurveSeries, index: number, x: Scale, y: Scale): Html {
  const path = line<CurvePoint>()
    .defined(isFinitePoint)
    .x((point) => coordinate(x(point.epoch)))
    .y((point) => coordinate(y(point.value)))(series.points);
  const style = seriesClass(index);
  const last = series.points.filter(isFinitePoint).at(-1);
  const dot =
    last === undefined
      ? ""
      : html`<circle class="dot ${style}" cx="${coordinate(x(last.epoch))}" cy="${coordinate(y(last.value))}" r="3.2"/>`;
  return html`<path class="line ${style}" d="${path ?? ""}"/>${dot}`;
}

function describe(chart: CurveChart, finite: readonly CurvePoint[]): string {
  const names = chart.series.map((series) => series.name).join(", ");
  const epochs = new Set(finite.map((point) => point.epoch)).size;
  const best = chart.bestEpoch === undefined ? "" : `; the weights of epoch ${chart.bestEpoch} were kept`;
  return `Line chart of ${chart.yLabel} over ${epochs} ${epochs === 1 ? "epoch" : "epochs"}: ${names}${best}.`;
}

function valuesTable(chart: CurveChart): Html {
  const epochs = [
    ...new Set(chart.series.flatMap((series) => series.points.map((point) => point.epoch))),
  ].sort((a, b) => a - b);
  const columns = chart.series.map(
    (series) => new Map(series.points.map((point) => [point.epoch, point.value])),
  );
  const rows = epochs.map((epoch) => {
    const cells = columns.map((column) => {
      const value = column.get(epoch);
      return html`<td>${value === undefined ? "—" : formatValue(value)}</td>`;
    });
    return html`<tr><th scope="row">${epoch}</th>${cells}</tr>`;
  });
  return html`<table class="numbers" aria-label="${chart.title}: ${chart.yLabel} per epoch">
<thead><tr><th scope="col">Epoch</th>${chart.series.map((series) => html`<th scope="col">${series.name}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table>`;
}
