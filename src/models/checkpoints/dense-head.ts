import { EpSamError } from "../../common/index.js";
import { type DenseClassifierOptions, denseClassifierGraph } from "../dense-classifier/index.js";
import { matchStateDict, type OpenWeightsOptions } from "../weights/index.js";
import { besideStateDict, type LoadedWeights, openModelWeights, readFloatTensors } from "./model-weights.js";

const HEAD = "head.";
/** [hidden, channels, 1, 1] */
const FIRST = `${HEAD}0.weight`;

/**
 * Starting weights for a dense classifier: the head of one that was trained, or taught with squares. What else the file
 * has, standardisation and calibration, is of the data that it was made with, and left out.
 * @throws EpSamError `weights` when it has no head, or one of another width or for other features
 */
export async function loadInitialHead(
  path: string,
  options: Pick<DenseClassifierOptions, "channels" | "hidden">,
  open: OpenWeightsOptions = {},
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
    const isTaken = (name: string) => name.startsWith(HEAD);
    const offered = new Map([...file.tensors].filter(([name]) => isTaken(name)));
    const matched = matchStateDict(expected, offered, { file: path });
    const others = [...file.tensors.keys()].filter((name) => !isTaken(name));
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
