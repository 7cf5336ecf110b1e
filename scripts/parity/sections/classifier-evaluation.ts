import { z } from "zod";
import { floatsOf, floatTensor, GraphSession, input } from "../../../src/graph/index.js";
import { highFrequencyPerChannel } from "../../../src/models/index.js";
import {
  compareSummary,
  describedInput,
  type GoldenDirectory,
  listError,
  type SectionResult,
  sectionOf,
  sectionResult,
  summarySchema,
} from "../golden.js";
import { filledClassifier, IMAGE } from "./classifier-model.js";
import { evaluate } from "./sam-model.js";

const TOLERANCE = 1e-4;

/** The row that golden directories hold of the high-frequency map, in the second image. */
const ROW = { channel: 2, y: 7 } as const;

const highFrequencySchema = z.object({
  input: z.string(),
  output: summarySchema,
  row: z.array(z.number()),
});

/** The high-frequency map of each channel. */
export async function runHighFrequency(golden: GoldenDirectory): Promise<SectionResult[]> {
  const expected = sectionOf(golden, "high_frequency", highFrequencySchema);
  const image = describedInput(expected.input);
  const results = await evaluate(
    { map: highFrequencyPerChannel(input(IMAGE, image.shape)) },
    { image },
    golden.device,
  );
  const map = results.get("map") ?? floatTensor([0]);
  const [, channels = 0, height = 0, width = 0] = image.shape;
  const start = ((channels + ROW.channel) * height + ROW.y) * width;
  const errors = new Map([
    ["output", compareSummary("map", map, expected.output)],
    ["row", listError(map.data.subarray(start, start + width), expected.row)],
  ]);
  return [sectionResult("high_frequency", TOLERANCE, errors)];
}

/** What a section tells of the image batch that the classifier sections share. */
export const evaluationSchema = z.object({ input: z.string(), logits: z.array(z.number()) });

/** The classifier's logits in evaluation mode. */
export async function runEvaluation(golden: GoldenDirectory): Promise<SectionResult[]> {
  const expected = sectionOf(golden, "classifier_eval", evaluationSchema);
  const image = describedInput(expected.input);
  const { model, weights } = filledClassifier(image.shape, "evaluation");
  const session = await GraphSession.create({ logits: model.logits }, golden.device, { bind: weights });
  try {
    const logits = floatsOf(await session.run({ [IMAGE]: image }), "logits");
    const errors = new Map([["logits", listError(logits, expected.logits)]]);
    return [sectionResult("classifier_eval", TOLERANCE, errors)];
  } finally {
    await session.close();
  }
}
