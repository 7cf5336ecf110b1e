import { z } from "zod";
import {
  add,
  constant,
  type Device,
  elementCount,
  type FloatTensor,
  floatsOf,
  floatTensor,
  gradients,
  separable,
  type Value,
} from "../../../src/graph/index.js";
import { loadMinisamDecoder } from "../../../src/models/weights/index.js";
import {
  adamW,
  type OverlapLosses,
  overlapLosses,
  ParameterSet,
  TrainingStep,
} from "../../../src/nn/index.js";
import {
  compareSummary,
  describedInput,
  type Floors,
  type GoldenDirectory,
  relativeError,
  type SectionResult,
  type Summary,
  sectionOf,
  sectionResult,
  summarySchema,
} from "../golden.js";
import { evaluate, foregroundLabels, patchMatrix, pretrainedSam, samGraph } from "./sam-model.js";

const LEARNING_RATE = 5e-6;
const WEIGHT_DECAY = 1e-2;
const TOLERANCE = 1e-4;
const GRADIENT_TOLERANCE = 3e-3;
const PREFIX = "mask_decoder.";

const inputsSchema = z.object({ embedding: z.string(), points: z.string() });

const trainingSchema = z.object({
  target: z.string(),
  losses: z.array(z.object({ dice: z.number(), iou: z.number() })),
  grads_step0: z.record(z.string(), summarySchema.nullable()),
  params_after_4_steps: z.record(z.string(), summarySchema),
});
type Expected = z.infer<typeof trainingSchema>;

/** What is trained, with everything needed to run it. */
interface Problem {
  readonly parameters: ReadonlyMap<string, Value>;
  readonly initial: ReadonlyMap<string, FloatTensor>;
  readonly losses: OverlapLosses;
  readonly loss: Value;
  readonly embedding: FloatTensor;
}

/** Fine-tuning the mask decoder: the losses of the steps, the first gradients, and the parameters afterwards. */
export async function run(golden: GoldenDirectory): Promise<SectionResult[]> {
  const expected = sectionOf(golden, "sam_decoder_training", trainingSchema);
  const problem = await trainingProblem(golden, expected);
  const { device } = golden;
  return [
    await compareGradients(problem, expected, device),
    ...(await compareSteps(problem, expected, device)),
  ];
}

async function trainingProblem(golden: GoldenDirectory, expected: Expected): Promise<Problem> {
  const inputs = sectionOf(golden, "sam_points", inputsSchema);
  const embedding = describedInput(inputs.embedding);
  const points = describedInput(inputs.points);
  const trained = new ParameterSet();
  const graph = samGraph(await pretrainedSam(), (name, shape) => trained.get(name, shape), {
    embedding,
    prompts: { points: { coordinates: constant(points), labels: constant(foregroundLabels(points)) } },
  });
  const matrix = patchMatrix();
  const losses = overlapLosses(
    separable(graph.lowResolution, matrix, matrix),
    constant(describedDisc(expected.target)),
  );
  const weights = await loadMinisamDecoder();
  const initial = new Map([...weights].map(([name, { shape, data }]) => [name, floatTensor(shape, data)]));
  return { parameters: trained.all(), initial, losses, loss: add(losses.dice, losses.iou), embedding };
}

/** A mask [1, 1, height, width] from words such as "disc centre (x=300,y=220) radius 150 (strict <) on 512x512". */
function describedDisc(text: string): FloatTensor {
  const numbers = [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  const [x = 0, y = 0, radius = 0, width = 0, height = 0] = numbers;
  const mask = new Float32Array(width * height);
  for (let index = 0; index < mask.length; index++) {
    const [column, row] = [index % width, Math.floor(index / width)];
    mask[index] = (column - x) ** 2 + (row - y) ** 2 < radius ** 2 ? 1 : 0;
  }
  return floatTensor([1, 1, height, width], mask);
}

async function compareGradients(
  problem: Problem,
  expected: Expected,
  device: Device,
): Promise<SectionResult> {
  const names = [...problem.parameters.keys()];
  const slopes = gradients(problem.loss, [...problem.parameters.values()]);
  const present = names.flatMap((name, index) => {
    const slope = slopes[index];
    return slope === undefined ? [] : [[name, slope] as const];
  });
  const feeds = Object.fromEntries(
    present.map(([name]) => [name, problem.initial.get(name) ?? floatTensor([0])]),
  );
  const outputs = Object.fromEntries(present.map(([name, slope]) => [`gradient of ${name}`, slope]));
  const results = await evaluate(outputs, { ...feeds, embedding: problem.embedding }, device);
  const errors = new Map<string, number>();
  for (const [shortName, summary] of Object.entries(expected.grads_step0)) {
    const gradient = results.get(`gradient of ${PREFIX}${shortName}`);
    errors.set(shortName, gradientError(shortName, gradient, summary, expected));
  }
  return sectionResult("sam_decoder_training gradients", GRADIENT_TOLERANCE, errors);
}

function gradientError(
  name: string,
  gradient: FloatTensor | undefined,
  summary: Summary | null,
  expected: Expected,
): number {
  // `null`: the parameter takes no part in the loss; then there must be no gradient on either side.
  if (gradient === undefined || summary === null) {
    return gradient === undefined && summary === null ? 0 : Number.POSITIVE_INFINITY;
  }
  return compareSummary(name, gradient, summary, gradientFloors(name, expected));
}

/**
 * Softmax does not change when one number is added to all scores, so the exact gradient of a key bias is zero
 * and both sides hold rounding noise.
 */
function hasNoiseGradient(name: string): boolean {
  return name.endsWith(".k_proj.bias");
}

/** Gradients that are noise are compared on the scale of the gradient of the same projection's weight: its norm. */
function gradientFloors(name: string, expected: Expected): Floors {
  const scale = expected.grads_step0[name.replace(/bias$/, "weight")]?.l2 ?? 0;
  return hasNoiseGradient(name) ? { values: scale, norm: scale } : { values: 0, norm: 0 };
}

/**
 * Adam makes of noise steps of up to the learning rate in either direction: so far may values part, and the norm
 * of n of them √n times as far.
 */
function parameterFloors(name: string, { shape }: Summary, steps: number): Floors {
  if (!hasNoiseGradient(name)) return { values: 0, norm: 0 };
  const values = (2 * steps * LEARNING_RATE) / TOLERANCE;
  return { values, norm: Math.sqrt(elementCount(shape)) * values };
}

async function compareSteps(problem: Problem, expected: Expected, device: Device): Promise<SectionResult[]> {
  const { parameters, initial, losses, loss, embedding } = problem;
  const optimizer = adamW({ weightDecay: WEIGHT_DECAY });
  const step = await TrainingStep.create({
    loss,
    parameters,
    optimizer,
    initial,
    outputs: { dice: losses.dice, iou: losses.iou },
    device,
  });
  try {
    const lossErrors = new Map<string, number>();
    for (const [index, { dice, iou }] of expected.losses.entries()) {
      const { outputs } = await step.run({ embedding }, LEARNING_RATE);
      const error = (name: string, value: number) =>
        relativeError(floatsOf(outputs, name)[0] ?? Number.NaN, value);
      lossErrors.set(`step ${index}`, Math.max(error("dice", dice), error("iou", iou)));
    }
    const after = await step.snapshot();
    const errors = new Map(
      Object.entries(expected.params_after_4_steps).map(([name, summary]) => [
        name,
        compareSummary(
          name,
          after.get(PREFIX + name) ?? floatTensor([0]),
          summary,
          parameterFloors(name, summary, expected.losses.length),
        ),
      ]),
    );
    return [
      sectionResult("sam_decoder_training losses", TOLERANCE, lossErrors),
      sectionResult("sam_decoder_training parameters", TOLERANCE, errors),
    ];
  } finally {
    await step.close();
  }
}
