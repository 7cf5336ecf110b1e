import { EpSamError } from "../common/index.js";
import { toTensor } from "../dataset/index.js";
import { type Device, type FloatTensor, floatsOf, floatTensor, GraphSession, input } from "../graph/index.js";
import { type FloatMap, type RgbImage, resizeRgb } from "../imaging/index.js";
import {
  type CamLayer,
  classActivationMap,
  type ResNetAdlOptions,
  resNetAdl,
  type Size,
} from "../models/index.js";
import { ParameterSet } from "../nn/index.js";

const imagesInput = "images";

/** A trained patch classifier and how it is run. */
export interface ClassifierForEvaluation {
  readonly model: ResNetAdlOptions;
  /** Parameters and batch-norm statistics by state-dict name. */
  readonly weights: ReadonlyMap<string, FloatTensor>;
  /** Size that images are resized to for the classifier (Pillow's bilinear filter), in pixels. */
  readonly inputSize: Size;
  readonly device: Device;
}

/** What to compile of the classifier. */
interface SessionPlan {
  readonly size: Size;
  /** Whether the logit is wanted beside the activation map. */
  readonly logit: boolean;
  /** The layer whose activation map is computed. */
  readonly layer: CamLayer;
}

/** The classifier in evaluation mode, compiled for one image of one size with its weights bound. */
export class ClassifierSession {
  readonly #size: Size;
  readonly #session: GraphSession;

  private constructor(size: Size, session: GraphSession) {
    this.#size = size;
    this.#session = session;
  }

  /**
   * Compiles the classifier.
   * @throws EpSamError `weights` when a parameter is absent, `shape` when one has another shape.
   */
  static async create(
    classifier: ClassifierForEvaluation,
    { size, logit, layer }: SessionPlan,
  ): Promise<ClassifierSession> {
    const images = input(imagesInput, [1, 3, size.height, size.width]);
    const graph = resNetAdl(new ParameterSet(), images, classifier.model, "evaluation");
    const outputs = {
      ...(logit ? { logits: graph.logits } : {}),
      activations: classActivationMap(graph, layer),
    };
    const session = await GraphSession.create(outputs, classifier.device, { bind: classifier.weights });
    for (const name of session.inputs.keys()) {
      if (name !== imagesInput) throw missingWeight(name);
    }
    return new ClassifierSession(size, session);
  }

  /** The image is resized to the session's size where it has another. */
  async run(image: RgbImage): Promise<{
    /** Not a number when the plan did not ask for it. */
    readonly logit: number;
    /** Class activation map before ReLU. */
    readonly map: FloatMap;
  }> {
    const { width, height } = this.#size;
    const tensor = floatTensor([1, 3, height, width], toTensor([resizedTo(image, this.#size)]));
    const results = await this.#session.run({ [imagesInput]: tensor });
    const [, mapHeight = 0, mapWidth = 0] = this.#session.outputs.get("activations")?.shape ?? [];
    return {
      logit: results.logits === undefined ? Number.NaN : (floatsOf(results, "logits")[0] ?? Number.NaN),
      map: { width: mapWidth, height: mapHeight, data: floatsOf(results, "activations") },
    };
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

function missingWeight(name: string): EpSamError {
  return new EpSamError("weights", {
    what: "is missing from the classifier's weights",
    where: name,
    why: "the model asks for it in this configuration",
    action: "Use the weights with the configuration (depth, high-frequency channel) they were trained with.",
  });
}

/** The image at the given size; the same object when it has that size already. */
export function resizedTo(image: RgbImage, { width, height }: Size): RgbImage {
  if (image.width === width && image.height === height) return image;
  return resizeRgb(image, width, height, "bilinear");
}

/** Probability of a logit. */
export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
