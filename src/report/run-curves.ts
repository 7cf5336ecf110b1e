import { classifierStage, stageTitle } from "../contract/index.js";
import type { MetricLine, RunContext, RunDirectory } from "../run/index.js";
import type { CurveChart, CurveSeries } from "./report-data.js";

/** What is drawn of a stage: the metric of each split under its name in the legend. */
interface ChartKind {
  readonly name: string;
  readonly yLabel: string;
  readonly train: string;
  readonly val: string;
  readonly valName: string;
}

const classifierCharts: readonly ChartKind[] = [
  {
    name: "loss",
    yLabel: "cross-entropy",
    train: "loss",
    val: "loss",
    valName: "validation, class-balanced",
  },
  {
    name: "accuracy",
    yLabel: "accuracy",
    train: "accuracy",
    val: "balancedAccuracy",
    valName: "validation, class-balanced",
  },
];

/** A decoder is judged by masks or, with labels of windows, by how many of them it tells. */
function decoderCharts(
  { decoder }: RunContext["config"],
  lines: readonly MetricLine[],
): readonly ChartKind[] {
  const yLabel = decoder.loss === "overlap" ? "Dice + IoU loss" : "cross-entropy + Dice loss";
  const byWindows = lines.some(({ values }) => values.balancedAccuracy !== undefined);
  return [
    { name: "loss", yLabel, train: "loss", val: "loss", valName: "validation" },
    byWindows
      ? {
          name: "accuracy of windows",
          yLabel: "accuracy",
          train: "accuracy",
          val: "balancedAccuracy",
          valName: "validation, class-balanced",
        }
      : { name: "Dice", yLabel: "soft Dice", train: "dice", val: "dice", valName: "validation" },
  ];
}

/** The training curves of every stage that has finished an epoch, in the order of training. */
export function runCurves(
  { run, config }: Pick<RunContext, "run" | "config">,
  metrics: readonly MetricLine[],
): CurveChart[] {
  const stages = [...new Set(metrics.map(({ stage }) => stage))];
  return stages.flatMap((stage) => {
    const lines = metrics.filter((line) => line.stage === stage);
    const bestEpoch = keptEpoch(run, stage, lines);
    const charts = stage === classifierStage ? classifierCharts : decoderCharts(config, lines);
    return charts.map((kind) => ({
      title: `${stageTitle(stage)}: ${kind.name}`,
      yLabel: kind.yLabel,
      series: [
        seriesOf(lines, "train", kind.train, "training"),
        seriesOf(lines, "val", kind.val, kind.valName),
      ].filter(({ points }) => points.length > 0),
      bestEpoch,
    }));
  });
}

function seriesOf(
  lines: readonly MetricLine[],
  split: MetricLine["split"],
  metric: string,
  name: string,
): CurveSeries {
  const points = lines.flatMap((line) => {
    const value = line.values[metric];
    return line.split !== split || value === undefined ? [] : [{ epoch: line.epoch + 1, value }];
  });
  return { name, points };
}

/** The epoch whose weights were kept, counted from 1; of an unfinished stage, the best so far. */
function keptEpoch(run: RunDirectory, stage: string, lines: readonly MetricLine[]): number | undefined {
  const recorded = run.record.stages[stage]?.summary.bestEpoch;
  if (typeof recorded === "number") return recorded;
  const [loss] = [seriesOf(lines, "val", "loss", "").points];
  const best = loss?.reduce((a, b) => (b.value < a.value ? b : a), loss[0] ?? { epoch: 0, value: 0 });
  return best === undefined || best.epoch === 0 ? undefined : best.epoch;
}
