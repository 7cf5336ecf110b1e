import { z } from "zod";
import {
  type Device,
  type FloatTensor,
  floats,
  floatsOf,
  floatTensor,
  gradients,
  sameShape,
  type Value,
} from "../../../src/graph/index.js";
import { attentionDropoutLayerCount, dropDrawInput } from "../../../src/models/index.js";
import { adam, binaryCrossEntropyWithLogits, TrainingStep } from "../../../src/nn/index.js";
import {
  compareSummary,
  describedInput,
  type GoldenDirectory,
  listError,
  relativeError,
  type SectionResult,
  type Summary,
  sectionOf,
  sectionResult,
  summarySchema,
} from "../golden.js";
import { evaluationSchema } from "./classifier-evaluation.js";
import { type FilledClassifier, filledClassifier, IMAGE } from "./classifier-model.js";

const LEARNING_RATE = 1e-5;
const WEIGHT_DECAY = 1e-3;

const STATISTICS_TOLERANCE = 1e-4;
/*
 * With these weights the classifier amplifies rounding: PyTorch's own float32 results are this far from its float64
 * results over tags a to d (make-golden.py): logits 1.6e-4, median gradient tensor 2.9e-3, worst one 1.6e-2. Each
 * side of a comparison has such an error, so the tolerances are about twice that.
 */
const FORWARD_TOLERANCE = 4e-4;
const MEDIAN_GRADIENT_TOLERANCE = 6e-3;
const WORST_GRADIENT_TOLERANCE = 3.2e-2;
/** A gradient near zero may have either sign, and Adam's first step follows the sign: two steps of 1e-5. */
const PARAMETER_TOLERANCE = 5e-4;
/** Golden values have seven digits: half a unit of the last is 0.05 learning rates for parameters above 1. */
const STEP_TOLERANCE = 0.1;

const trainingSchema = z.object({
  labels: z.array(z.number()),
  logits: z.array(z.number()),
  loss: z.number(),
  grads: z.record(z.string(), summarySchema),
  running_mean_bn1: z.array(z.number()),
  running_var_bn1: z.array(z.number()),
  after_adam_step: z.record(z.string(), summarySchema),
});
type Expected = z.infer<typeof trainingSchema>;

/** What one training step computed. */
interface Step {
  readonly loss: number;
  readonly logits: Float32Array;
  readonly before: ReadonlyMap<string, FloatTensor>;
  readonly gradients: ReadonlyMap<string, FloatTensor>;
  /** Parameters and running statistics after the step. */
  readonly after: ReadonlyMap<string, FloatTensor>;
}

/** One training step with the drop mask in all attention dropout layers. */
export function runDropMask(golden: GoldenDirectory): Promise<SectionResult[]> {
  return runTraining(golden, "classifier_train_drop_mask", true);
}

/** One training step with the importance map in all attention dropout layers. */
export function runImportanceMap(golden: GoldenDirectory): Promise<SectionResult[]> {
  return runTraining(golden, "classifier_train_importance_map", false);
}

async function runTraining(
  golden: GoldenDirectory,
  section: string,
  dropMask: boolean,
): Promise<SectionResult[]> {
  const expected = sectionOf(golden, section, trainingSchema);
  const image = describedInput(sectionOf(golden, "classifier_eval", evaluationSchema).input);
  const step = await takeStep(image, expected.labels, dropMask, golden.device);
  const forward = new Map([
    ["loss", relativeError(step.loss, expected.loss)],
    ["logits", listError(step.logits, expected.logits)],
  ]);
  const statistics = new Map([
    ["bn1.running_mean", listError(dataOf(step.after, "bn1.running_mean"), expected.running_mean_bn1)],
    ["bn1.running_var", listError(dataOf(step.after, "bn1.running_var"), expected.running_var_bn1)],
  ]);
  const slopes = gradientErrors(step.gradients, expected.grads);
  return [
    sectionResult(`${section} forward`, FORWARD_TOLERANCE, forward),
    sectionResult(`${section} running statistics`, STATISTICS_TOLERANCE, statistics),
    sectionResult(`${section} gradients, median tensor`, MEDIAN_GRADIENT_TOLERANCE, medianOf(slopes)),
    sectionResult(`${section} gradients, worst tensor`, WORST_GRADIENT_TOLERANCE, slopes),
    ...compareUpdate(section, step, expected),
  ];
}

async function takeStep(
  image: FloatTensor,
  labels: readonly number[],
  dropMask: boolean,
  device: Device,
): Promise<Step> {
  const { parameters, model, weights }: FilledClassifier = filledClassifier(image.shape, "training");
  const loss = binaryCrossEntropyWithLogits(model.logits, floats(labels, [labels.length]));
  const entries = [...parameters.all()];
  const slopes = gradients(
    loss,
    entries.map(([, value]) => value),
  );
  const outputs: Record<string, Value> = { logits: model.logits };
  entries.forEach(([name], index) => {
    const slope = slopes[index];
    if (slope !== undefined) outputs[gradientName(name)] = slope;
  });
  const step = await TrainingStep.create({
    loss,
    parameters: parameters.all(),
    buffers: model.buffers,
    optimizer: adam({ weightDecay: WEIGHT_DECAY }),
    initial: weights,
    outputs,
    device,
  });
  try {
    const draws = new Uint8Array(attentionDropoutLayerCount).fill(dropMask ? 1 : 0);
    const feeds = {
      [IMAGE]: image,
      [dropDrawInput]: { dataType: "bool", shape: [draws.length], data: draws },
    } as const;
    const result = await step.run(feeds, LEARNING_RATE);
    const slopesByName = entries
      .filter(([name]) => outputs[gradientName(name)] !== undefined)
      .map(
        ([name, { shape }]) =>
          [name, floatTensor(shape, floatsOf(result.outputs, gradientName(name)))] as const,
      );
    return {
      loss: result.loss,
      logits: floatsOf(result.outputs, "logits"),
      before: weights,
      gradients: new Map(slopesByName),
      after: await step.snapshot(),
    };
  } finally {
    await step.close();
  }
}

function gradientName(parameter: string): string {
  return `gradient of ${parameter}`;
}

function dataOf(tensors: ReadonlyMap<string, FloatTensor>, name: string): Float32Array {
  return tensors.get(name)?.data ?? new Float32Array(0);
}

/** The error of every gradient tensor that either side has; infinite where the other side has none. */
function gradientErrors(
  actual: ReadonlyMap<string, FloatTensor>,
  expected: Readonly<Record<string, Summary>>,
): Map<string, number> {
  const names = new Set([...actual.keys(), ...Object.keys(expected)]);
  return new Map([...names].map((name) => [name, gradientError(actual.get(name), expected[name])]));
}

/** Norm and first values relative to the norm, and the sum relative to the largest sum of that norm. */
function gradientError(actual: FloatTensor | undefined, expected: Summary | undefined): number {
  if (actual === undefined || expected === undefined) return Number.POSITIVE_INFINITY;
  if (!sameShape(actual.shape, expected.shape)) return Number.POSITIVE_INFINITY;
  const norm = Math.sqrt(actual.data.reduce((squares, value) => squares + value * value, 0));
  const sum = actual.data.reduce((total, value) => total + value, 0);
  return Math.max(
    relativeError(norm, expected.l2),
    relativeError(sum, expected.sum, expected.l2 * Math.sqrt(actual.data.length)),
    ...expected.head.map((value, index) =>
      relativeError(actual.data[index] ?? Number.NaN, value, expected.l2),
    ),
  );
}

/** The entry in the middle. */
function medianOf(errors: ReadonlyMap<string, number>): Map<string, number> {
  const sorted = [...errors].sort(([, a], [, b]) => a - b);
  return new Map(sorted.slice(Math.floor(sorted.length / 2), Math.floor(sorted.length / 2) + 1));
}

/** Parameters after the step, and the step itself in learning rates. */
function compareUpdate(section: string, step: Step, expected: Expected): SectionResult[] {
  const entries = Object.entries(expected.after_adam_step);
  const parameters = new Map(
    entries.map(([name, summary]) => [
      name,
      compareSummary(name, step.after.get(name) ?? floatTensor([0]), summary),
    ]),
  );
  const moves = new Map(entries.map(([name, summary]) => [name, moveError(name, step, summary, expected)]));
  return [
    sectionResult(`${section} parameters after Adam`, PARAMETER_TOLERANCE, parameters),
    sectionResult(`${section} Adam step in learning rates`, STEP_TOLERANCE, moves),
  ];
}

/**
 * The largest error of the first values' moves, in learning rates. Adam's first step has the gradient's sign, so
 * values whose gradient is no larger than its error say nothing and are left out.
 */
function moveError(name: string, step: Step, after: Summary, expected: Expected): number {
  const before = dataOf(step.before, name);
  const now = dataOf(step.after, name);
  const gradient = expected.grads[name];
  const noise = (gradient?.l2 ?? Number.NaN) * WORST_GRADIENT_TOLERANCE;
  const errors = after.head.map((value, index) => {
    const start = before[index] ?? Number.NaN;
    const slope = (gradient?.head[index] ?? Number.NaN) + WEIGHT_DECAY * start;
    if (Math.abs(slope) <= noise) return 0;
    return Math.abs((now[index] ?? Number.NaN) - start - (value - start)) / LEARNING_RATE;
  });
  return Math.max(...errors);
}
