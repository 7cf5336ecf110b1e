import type { LayerEntry, Thresholds } from "../../contract/index.js";
import { Button, ProblemNote, Slider } from "../interface/index.js";
import { areaText, lengthText, withSeparators } from "../viewer/index.js";
import type { OpenThreshold } from "./open-threshold.js";
import { type Agreement, figureAt, probabilityText } from "./threshold-figures.js";

interface ThresholdPanelProps {
  readonly layer: LayerEntry;
  readonly open: OpenThreshold;
  /** µm per level-0 pixel; null where the slide does not tell. */
  readonly resolution: { readonly x: number; readonly y: number } | null;
}

/** A slider on a map of fractions, with what it would call tumour on the whole slide. */
export function ThresholdPanel({ layer, open, resolution }: ThresholdPanelProps) {
  const isOpen = open.layer.value?.id === layer.id;
  return (
    <div class="threshold">
      <Button
        onClick={() => {
          open.layer.value = isOpen ? null : layer;
        }}
      >
        {isOpen ? "Close the threshold" : "Threshold …"}
      </Button>
      {isOpen ? <Controls open={open} layer={layer} resolution={resolution} /> : null}
    </div>
  );
}

function Controls({ open, layer, resolution }: ThresholdPanelProps) {
  const { threshold, minimumPixels, figures } = open;
  const loaded = figures.value;
  const pixelArea = resolution === null ? 1 : resolution.x * resolution.y;
  const lines = loaded.state === "ready" ? linesOf(loaded.value, threshold.value, resolution) : [];
  return (
    <section class="threshold-controls" aria-label={`Threshold of ${layer.title}`}>
      <Slider
        {...{ title: "From", name: "Least probability of tumour", min: 1, max: 255, step: 1 }}
        value={threshold.value}
        text={probabilityText(threshold.value)}
        spoken={[probabilityText(threshold.value), ...lines.map(({ text }) => text)].join("; ")}
        onInput={(chosen) => {
          threshold.value = chosen;
        }}
      />
      <label class="slider">
        <span>Least</span>
        <input
          type="number"
          min="0"
          step="any"
          aria-label={`Least area of a focus in ${resolution === null ? "px²" : "µm²"}`}
          value={Number((minimumPixels.value * pixelArea).toPrecision(6))}
          onChange={({ currentTarget: { valueAsNumber } }) => {
            minimumPixels.value = valueAsNumber > 0 ? valueAsNumber / pixelArea : 0;
          }}
        />
        <output>{resolution === null ? "px²" : "µm²"}</output>
      </label>
      {loaded.state === "loading" ? <p class="loading">Counting …</p> : null}
      {loaded.state === "failed" ? <ProblemNote problem={loaded.problem} quiet /> : null}
      <dl class="facts threshold-figures">
        {lines.map(({ title, value }) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {loaded.state === "ready" ? <Remarks thresholds={loaded.value} resolution={resolution} /> : null}
      <Button kind="main" onClick={() => void open.keep()}>
        Make outlines at {probabilityText(threshold.value)}
      </Button>
    </section>
  );
}

interface FigureLine {
  readonly title: string;
  readonly value: string;
  /** Both, to be read out. */
  readonly text: string;
}

function linesOf(
  thresholds: Thresholds,
  threshold: number,
  resolution: ThresholdPanelProps["resolution"],
): FigureLine[] {
  const { level0Pixels, foci, agreements } = figureAt(thresholds, threshold);
  const line = (title: string, value: string): FigureLine => ({ title, value, text: `${title} ${value}` });
  return [
    line("Area", areaOf(level0Pixels, resolution)),
    line("Foci", withSeparators(foci)),
    ...agreements.flatMap((agreement) => {
      const beside = agreement.kind === "ground-truth" ? agreement.origin : "accepted annotations";
      return [
        line(`Against ${beside}`, agreementText(agreement)),
        ...(agreement.kind === "corrections"
          ? [line("Known of that", areaOf(agreement.knownPixels, resolution))]
          : []),
      ];
    }),
  ];
}

function agreementText({ dice, precision, recall }: Agreement): string {
  const digits = (value: number | null) => (value === null ? "–" : value.toFixed(3));
  return `Dice ${digits(dice)}, precision ${digits(precision)}, recall ${digits(recall)}`;
}

function areaOf(level0Pixels: number, resolution: ThresholdPanelProps["resolution"]): string {
  if (resolution === null) return `${withSeparators(level0Pixels)} px²`;
  return areaText(level0Pixels * resolution.x * resolution.y);
}

/** At which resolution the figures were counted, and what could not be compared with. */
function Remarks({
  thresholds: { downsample, isFinest, warnings },
  resolution,
}: {
  readonly thresholds: Thresholds;
  readonly resolution: ThresholdPanelProps["resolution"];
}) {
  const scale = Number(downsample.toPrecision(3));
  const size = resolution === null ? "" : ` (${lengthText(downsample * resolution.x)} a pixel)`;
  return (
    <>
      <p class="hint">
        {isFinest
          ? `Of the whole slide, counted at the map's own resolution, 1:${scale}${size}.`
          : `Of the whole slide, counted at 1:${scale}${size}, coarser than the map: small foci are averaged away.`}
      </p>
      {warnings.map((warning) => (
        <p class="hint" key={warning}>
          Not compared: {warning}
        </p>
      ))}
    </>
  );
}
