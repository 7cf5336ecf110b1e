import { EpSamError } from "../common/index.js";
import { toTensor } from "../dataset/index.js";
import { type Device, type FloatTensor, floatsOf, floatTensor, GraphSession, input } from "../graph/index.js";
import { type RgbImage, resizeRgb } from "../imaging/index.js";
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
  readonly batchSize: number;
  readonly size: Size;
  readonly logits: boolean;
  /** The layer whose activation map is computed. */
  readonly layer?: CamLayer;
}

/** The classifier in evaluation mode, compiled for one batch size and image size with its weights bound. */
export class ClassifierSession {
  readonly #plan: SessionPlan;
  readonly #session: GraphSession;

  private constructor(plan: SessionPlan, session: GraphSession) {
    this.#plan = plan;
    this.#session = session;
  }

  /**
   * Compiles the classifier.
   * @throws EpSamError `weights` when a parameter is absent, `shape` when one has another shape.
   */
  static async create(classifier: ClassifierForEvaluation, plan: SessionPlan): Promise<ClassifierSession> {
    const { batchSize, size, layer } = plan;
    const images = input(imagesInput, [batchSize, 3, size.height, size.width]);
    const graph = resNetAdl(new ParameterSet(), images, classifier.model, "evaluation");
    const outputs = {
      ...(plan.logits ? { logits: graph.logits } : {}),
      ...(layer === undefined ? {} : { activations: classActivationMap(graph, layer) }),
    };
    const session = await GraphSession.create(outputs, classifier.device, { bind: classifier.weights });
    for (const name of session.inputs.keys()) {
      if (name !== imagesInput) throw missingWeight(name);
    }
    return new ClassifierSession(plan, session);
  }

  /** Runs one batch; results are present when the plan asked for them. */
  async run(images: readonly RgbImage[]): Promise<{
    readonly logits: Float32Array;
    /** [N, h, w], row-major; before ReLU. */
    readonly activations: FloatTensor;
  }> {
    const { batchSize, size, logits, layer } = this.#plan;
    const tensor = floatTensor([batchSize, 3, size.height, size.width], toTensor(images));
    const results = await this.#session.run({ [imagesInput]: tensor });
    const shape = this.#session.outputs.get("activations")?.shape ?? [0, 0, 0];
    const activations = layer === undefined ? new Float32Array(0) : floatsOf(results, "activations");
    return {
      logits: logits ? floatsOf(results, "logits") : new Float32Array(0),
      activations: floatTensor(shape, activations),
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
