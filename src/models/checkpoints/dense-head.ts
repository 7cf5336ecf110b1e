import { EpSamError } from "../../common/index.js";
import type { BackboneEntry } from "../backbones/index.js";
import { backboneFromFile } from "../backbones/load.js";
import { type DenseClassifierOptions, denseClassifierGraph } from "../dense-classifier/index.js";
import { backbonePrefix } from "../stored-backbone.js";
import { matchStateDict, type OpenWeightsOptions, type StateDict } from "../weights/index.js";
import {
  besideStateDict,
  type LoadedWeights,
  openModelWeights,
  readFloatTensors,
  renamedWeights,
} from "./model-weights.js";

const HEAD = "head.";
/** [hidden, channels, 1, 1] */
const FIRST = `${HEAD}0.weight`;

/** How a head is to begin. */
export interface LoadHeadOptions extends OpenWeightsOptions {
  /** Whether the backbone that the file may have beside its head is taken, too, see {@link loadInitialBackbone}. */
  readonly withBackbone: boolean;
}

/**
 * Starting weights for a dense classifier: the head of one that was trained, or taught with squares. What else the file
 * has, standardisation and calibration, is of the data that it was made with, and left out.
 * @throws EpSamError `weights` when it has no head, one of another width or for other features, or one that was trained
 *   with a backbone which is not taken
 */
export async function loadInitialHead(
  path: string,
  options: Pick<DenseClassifierOptions, "channels" | "hidden">,
  { withBackbone, ...open }: LoadHeadOptions,
): Promise<LoadedWeights> {
  const file = await openModelWeights(path, open);
  try {
    const { parameters } = denseClassifierGraph(options, { batchSize: 1, width: 1, height: 1 });
    const expected = [...parameters.all()].map(([name, { shape }]) => ({ name, shape }));
    const [hidden = 0, channels = 0] = file.tensors.get(FIRST)?.shape ?? [];
    if (file.tensors.has(FIRST) && (hidden !== options.hidden || channels !== options.channels)) {
      throw new EpSamError("weights", {
        where: path,
        what: "holds the head of another dense classifier",
        why: `it judges ${channels} features with ${hidden} values between, this one ${options.channels} with ${options.hidden}`,
        action:
          "Give classifier.dense.backbone, .context and .hidden the values that it was made with; squares teach heads with the context [].",
      });
    }
    const isOfBackbone = (name: string) => name.startsWith(backbonePrefix);
    if (!withBackbone && [...file.tensors.keys()].some(isOfBackbone)) {
      throw new EpSamError("weights", {
        where: path,
        what: "holds a head that was trained together with its backbone",
        why: "it judges the features of that backbone, and this classifier's stays as it comes",
        action:
          "Set classifier.dense.trainBackbone, so that training begins with both, or leave classifier.initialWeights out.",
      });
    }
    const isTaken = (name: string) => name.startsWith(HEAD);
    const offered = new Map([...file.tensors].filter(([name]) => isTaken(name)));
    const matched = matchStateDict(expected, offered, { file: path });
    const others = [...file.tensors.keys()].filter((name) => !isTaken(name) && !isOfBackbone(name));
    return {
      ...{ file: path, format: file.format, weights: await readFloatTensors(file, [...matched.keys()]) },
      leftOut: [
        ...besideStateDict(file),
        ...(others.length === 0 ? [] : [{ names: others, why: "of the data that it was made with" }]),
      ],
    };
  } finally {
    await file.close();
  }
}

/**
 * The backbone that the file of a dense classifier has beside its head, by the backbone's own names; undefined where it
 * has none.
 * @throws EpSamError `weights` when it is another backbone, or takes the high-frequency channel and this one does not
 */
export async function loadInitialBackbone(
  path: string,
  entry: BackboneEntry,
  { highFrequency, ...open }: OpenWeightsOptions & { readonly highFrequency: boolean },
): Promise<StateDict | undefined> {
  const file = await openModelWeights(path, open);
  try {
    const own = [...file.tensors].filter(([name]) => name.startsWith(backbonePrefix));
    if (own.length === 0) return undefined;
    const backbone = renamedWeights({ ...file, tensors: new Map(own) }, (name) =>
      name.slice(backbonePrefix.length),
    );
    return (await backboneFromFile(entry, backbone, highFrequency)).weights;
  } finally {
    await file.close();
  }
}
