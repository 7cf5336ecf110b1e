import { EpSamError } from "../common/index.js";
import {
  applyDihedral,
  type FloatMap,
  type GreyImage,
  invertDihedral,
  type RgbImage,
} from "../imaging/index.js";
import type { CamLayer, Size } from "../models/index.js";
import { averageLevels, averageScales, quantiseActivations } from "./activation-levels.js";
import { type ClassifierForEvaluation, ClassifierSession, resizedTo, sigmoid } from "./classifier-session.js";
import type { ActivationClassifier, ClassifierActivation } from "./patch-activation.js";

/** How activation maps are computed. */
export interface ActivationMapOptions {
  /** Layer whose features the head's weights are applied to. */
  readonly layer: CamLayer;
  /** Scales of the classifier's input that maps are averaged over; the authors use 1 alone, the default. */
  readonly scales?: readonly number[];
}

/** The class activation map of an image, at 1/16 of the classifier's input size, averaged over rotations and scales. */
export interface ActivationMap extends ClassifierActivation {
  /** The map before ReLU of the unrotated image at scale 1, or the scale next to it. */
  readonly upright: FloatMap;
  /** The classifier's logit for the unrotated image at scale 1. */
  readonly logit: number;
}

const quarterTurns = [1, 2, 3] as const;

/** The compiled graphs of one scale. */
interface ScaleSessions {
  readonly size: Size;
  readonly upright: ClassifierSession;
  /** For half a turn; without the layers that only the logit needs, and the same as `upright` where there are none. */
  readonly turned: ClassifierSession;
  /** For a quarter turn, which exchanges width and height; the same as `turned` for squares. */
  readonly sideways: ClassifierSession;
}

/**
 * Class activation maps averaged over the four right-angle rotations (paper section 2): head weights · features,
 * ReLU, min–max and 8 bits for each rotation, rotated back and averaged.
 */
export class ClassActivationMapper implements ActivationClassifier {
  readonly #scales: readonly [ScaleSessions, ...ScaleSessions[]];

  private constructor(scales: readonly [ScaleSessions, ...ScaleSessions[]]) {
    this.#scales = scales;
  }

  /**
   * Compiles the classifier for the rotations of its input size.
   * @throws EpSamError `weights` when a parameter is absent, `shape` when one has another shape,
   *   `configuration` when no scale is given.
   */
  static async create(
    classifier: ClassifierForEvaluation,
    { layer, scales = [1] }: ActivationMapOptions,
  ): Promise<ClassActivationMapper> {
    // Scale 1 first: it gives the logit and the size of the map.
    const [first, ...others] = [...scales].sort((a, b) => Math.abs(a - 1) - Math.abs(b - 1));
    if (first === undefined) {
      throw new EpSamError("configuration", {
        what: "activation maps need at least one scale",
        where: "cam.scales",
      });
    }
    const compiled: [ScaleSessions, ...ScaleSessions[]] = [await compileScale(classifier, layer, first)];
    for (const scale of others) compiled.push(await compileScale(classifier, layer, scale));
    return new ClassActivationMapper(compiled);
  }

  /**
   * The activation map of an image of any size; it is resized to the classifier's input.
   * @param gate tumour probability below which the map is that of the unrotated image at scale 1 alone, a quarter
   *   of the work or less, for callers that do not prompt with it then
   */
  async map(image: RgbImage, gate = 0): Promise<ActivationMap> {
    const upright = await this.#scales[0].upright.run(image);
    const probability = sigmoid(upright.logit);
    const levels =
      probability < gate ? quantiseActivations(upright.map) : await this.#averageLevels(image, upright.map);
    return { levels, upright: upright.map, logit: upright.logit, probability };
  }

  /** The average over rotations and scales; `upright` is known already. */
  async #averageLevels(image: RgbImage, upright: FloatMap): Promise<GreyImage> {
    const [first, ...others] = this.#scales;
    const turned = await turnedActivations(first, image);
    const levels: [GreyImage, ...GreyImage[]] = [averageRotations([upright, ...turned])];
    for (const scale of others) levels.push(averageRotations(await activationsOf(scale, image)));
    return averageScales(levels);
  }

  /** Frees the compiled graphs. */
  async close(): Promise<void> {
    const sessions = this.#scales.flatMap(({ upright, turned, sideways }) => [upright, turned, sideways]);
    await Promise.all([...new Set(sessions)].map((session) => session.close()));
  }
}

async function compileScale(
  classifier: ClassifierForEvaluation,
  layer: CamLayer,
  scale: number,
): Promise<ScaleSessions> {
  const width = Math.round(classifier.inputSize.width * scale);
  const height = Math.round(classifier.inputSize.height * scale);
  const size = { width, height };
  const compile = (of: Size, logit: boolean) =>
    ClassifierSession.create(classifier, { size: of, logit, layer });
  const upright = await compile(size, true);
  // No layer comes between the last one and the logit.
  const turned = layer === "layer4-last" ? upright : await compile(size, false);
  const sideways = width === height ? turned : await compile({ width: height, height: width }, false);
  return { size, upright, turned, sideways };
}

type Rotations = readonly [FloatMap, ...FloatMap[]];

async function activationsOf(scale: ScaleSessions, image: RgbImage): Promise<Rotations> {
  const { map } = await scale.upright.run(image);
  return [map, ...(await turnedActivations(scale, image))];
}

/** The maps of the image turned by 1, 2 and 3 quarters. */
async function turnedActivations(
  { size, turned, sideways }: ScaleSessions,
  image: RgbImage,
): Promise<FloatMap[]> {
  const resized = resizedTo(image, size);
  const maps: FloatMap[] = [];
  for (const turns of quarterTurns) {
    const session = turns === 2 ? turned : sideways;
    maps.push((await session.run(applyDihedral(resized, turns))).map);
  }
  return maps;
}

/** Quantises each rotation's map, turns it back and averages. */
function averageRotations([first, ...turned]: Rotations): GreyImage {
  const back = turned.map((map, index) => invertDihedral(quantiseActivations(map), index + 1));
  return averageLevels([quantiseActivations(first), ...back]);
}
