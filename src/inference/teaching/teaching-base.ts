import { EpSamError, type Reporter } from "../../common/index.js";
import type { Resolution } from "../../dataset/index.js";
import { type Device, device as defaultDevice } from "../../graph/index.js";
import { denseTensors } from "../../method/index.js";
import {
  type BackboneEntry,
  backboneNames,
  FEATURE_STRIDES,
  loadBackboneWeights,
  ownBackbone,
  type StateDict,
} from "../../models/index.js";
import {
  chooseDecoderStage,
  decoderBackbone,
  decoderBase,
  decoderWeights,
  denseOptions,
  endsWithItsMap,
  featureDeviation,
  mergeRecords,
  openRun,
  parseConfig,
  type RunContext,
  readClassifier,
  resolveConfig,
  type TrainingConfig,
} from "../../run/index.js";
import { TAUGHT_HEAD } from "../adaptation/teach-head.js";
import { trainedResolution } from "../trained-resolution.js";

/** Microns per pixel at which a slide is read where no run says. */
const USUAL_MPP = 0.5;
/** Side of the patches of a run that is made of squares alone. */
export const TAUGHT_PATCH_SIZE = 512;
const taughtConfig = { classifier: { dense: { context: [], ...TAUGHT_HEAD } } };

/** What squares teach: a run's decoder, or a new head on a backbone as it comes. */
export interface TeachingBase {
  /** The decoder to be adapted; null for a new head. */
  readonly origin: {
    readonly context: RunContext;
    readonly stage: string;
    readonly weights: StateDict;
  } | null;
  /** What a new head starts from: that of a run, as far as it sees the same features; null for drawn weights. */
  readonly head: StateDict | null;
  /** The run of squares that this head is of. */
  readonly headOf?: RunContext | undefined;
  readonly config: TrainingConfig;
  readonly entry: BackboneEntry;
  /** By the backbone's own names. */
  readonly backboneWeights: StateDict;
  readonly resolution: Resolution;
  readonly device: Device;
  /** For heads, which are too small to be shared among threads: waiting for each other takes longer than the work. */
  readonly headDevice: Device;
}

/** Whether squares can teach a run: its decoder has to be a feature pyramid. */
export function isTeachable({ decoder }: Pick<TrainingConfig, "decoder">): boolean {
  return decoder.kind === "pyramid";
}

/**
 * Opens what squares are to teach.
 * @param run directory; null for a new head
 * @throws EpSamError `run-directory` when there is no such run, `usage` when squares cannot teach it
 */
export async function openTeachingBase(
  run: string | null,
  {
    reporter,
    device = defaultDevice(),
  }: { readonly reporter: Reporter; readonly device?: Device | undefined },
): Promise<TeachingBase> {
  const headDevice = defaultDevice("cpu", 1);
  if (run === null) {
    const config = resolveConfig("laptop", taughtConfig);
    const entry = decoderBackbone(config);
    const { weights: backboneWeights } = await loadBackboneWeights(entry);
    return {
      origin: null,
      head: null,
      config,
      entry,
      backboneWeights,
      resolution: { mpp: USUAL_MPP },
      device,
      headDevice,
    };
  }
  const context = await openRun(run, { device, reporter });
  const { config } = context;
  if (endsWithItsMap(context)) return taughtBase(context, { device, headDevice });
  if (!isTeachable(config)) {
    throw new EpSamError("usage", {
      where: run,
      what: "cannot be taught with squares",
      why: "its decoder is no feature pyramid",
      action: "Teach without a run, or with one that was trained with the preset laptop or best.",
    });
  }
  const stage = chooseDecoderStage(context, undefined, "use");
  const none = async (): Promise<StateDict> => new Map();
  const weights = await decoderWeights(context, stage, await decoderBase(context, { loadDecoder: none }));
  const { resolution } = await trainedResolution(run);
  return {
    origin: { context, stage, weights },
    head: null,
    config,
    entry: decoderBackbone(config),
    backboneWeights: ownBackbone(weights),
    resolution,
    device,
    headDevice,
  };
}

/** A run of squares, whose head further squares teach. */
async function taughtBase(
  context: RunContext,
  devices: Pick<TeachingBase, "device" | "headDevice">,
): Promise<TeachingBase> {
  const { config } = context;
  const entry = decoderBackbone(config);
  const { weights: backboneWeights } = await loadBackboneWeights(entry);
  const head = await headOf(context, config);
  const { resolution } = await trainedResolution(context.run.root);
  return { origin: null, head, headOf: context, config, entry, backboneWeights, resolution, ...devices };
}

/**
 * What squares teach while somebody clicks. Adapting a run's decoder takes tens of seconds, so of a run its head alone is
 * taught, on the features of its backbone and at its resolution; the decoder is adapted when the run is kept or applied.
 */
export async function baseWhileClicking(base: TeachingBase): Promise<TeachingBase> {
  const { origin, entry } = base;
  if (origin === null) return base;
  // The classifier of the run may see foundation models beside this backbone, or others: squares see it alone.
  const alone = { classifier: { dense: { backbone: entry.name } } };
  const changes = mergeRecords(taughtConfig, alone);
  const config = parseConfig(mergeRecords(base.config, changes), origin.context.run.root);
  return { ...base, origin: null, config, head: await headOf(origin.context, config) };
}

/**
 * The head of a run's classifier, where that sees what squares are judged by: the features of one place alone, of the
 * same backbone.
 */
async function headOf(context: RunContext, config: TrainingConfig): Promise<StateDict | null> {
  if (context.config.classifier.model !== "dense") return null;
  const seen = backboneNames(context.config.classifier.dense.backbone);
  if (seen.join() !== backboneNames(config.classifier.dense.backbone).join()) return null;
  const weights = await readClassifier(context);
  const { channels } = denseOptions(config, false);
  if (weights.get(denseTensors.mean)?.data.length !== channels) return null;
  return new Map([...weights].filter(([name]) => name.startsWith("head.")));
}

/** The levels of features that a base's map is made of. */
export function levelsSeen({ origin, entry }: Pick<TeachingBase, "origin" | "entry">) {
  return origin === null ? entry.levels.map(({ stride }) => stride) : FEATURE_STRIDES;
}

/** The noise on features while one slide teaches. */
export function noiseOf({ config }: Pick<TeachingBase, "config">): number {
  return featureDeviation(config.classifier.dense.featureNoise, [{ slide: "the one that is taught with" }]);
}
