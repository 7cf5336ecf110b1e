import { EpSamError, hashBytes, hashFile, mapConcurrently } from "../../common/index.js";
import type { Device } from "../../graph/index.js";
import { type RgbImage, resizeFloatMap, resizeRgb } from "../../imaging/index.js";
import {
  type BackboneEntry,
  BackboneFeatures,
  backbone,
  backboneFile,
  backbones,
  type LevelStride,
  loadBackboneWeights,
} from "../backbones/index.js";
import {
  FoundationFeatures,
  type FoundationModel,
  foundationModel,
  foundationNames,
  foundationView,
  isFoundationModel,
  patchesAtOnce,
} from "../foundation/index.js";
import { minisamStages } from "../sam/index.js";
import { encodeSafetensors, type StateDict } from "../weights/index.js";
import type { FeatureShape, FrozenNetwork, FrozenNetworkPlan, ShownPatch } from "./frozen-network.js";
import { type JoinedFeatures, joinedShape, joinFeatures } from "./joined-features.js";
import { isEncoderStages, stagesPlan } from "./stages-network.js";

/** Strides of a backbone's levels beside a foundation model, whose tokens are coarser. */
const FINE_STRIDES: readonly LevelStride[] = [4, 8];

/** Networks whose features are judged together. */
export interface FrozenFeaturesPlan {
  readonly networks: readonly FrozenNetworkPlan[];
  /** Of the joined features; `stride` in pixels of {@link ShownPatch.side}. */
  readonly shape: FeatureShape & { readonly stride: number };
}

/** Names of backbones in a configuration as a list. */
export function backboneNames(names: string | readonly string[]): readonly string[] {
  return typeof names === "string" ? [names] : names;
}

/** Whether a name is that of a backbone of this package, which decoders can see and train; other networks stay frozen. */
export function isBackbone(name: string): boolean {
  return backbones.some((entry) => entry.name === name);
}

/** Names of all networks that a classifier can see with: backbones, SAM's encoder stages, imported foundation models. */
export function networkNames(): string[] {
  return [...backbones.map(({ name }) => name), minisamStages.name, ...foundationNames()];
}

/** Whether a name is one of {@link networkNames}, or the path of a foundation model's file. */
export function isNetwork(name: string): boolean {
  return isBackbone(name) || isEncoderStages(name) || isFoundationModel(name);
}

/** The first of a list that is a backbone of this package, whose levels decoders see; undefined when there is none. */
export function decoderBackboneName(names: string | readonly string[]): string | undefined {
  return backboneNames(names).find(isBackbone);
}

/** The foundation models of a list. */
export function foundationModelsOf(names: string | readonly string[]): FoundationModel[] {
  return backboneNames(names).filter(isFoundationModel).map(foundationModel);
}

/**
 * Channels of the joined features of a list of networks.
 * @throws EpSamError `weights` when a foundation model is not there, `usage` when there is no such backbone
 */
export function featureChannels(names: string | readonly string[]): number {
  const list = backboneNames(names);
  const beside = list.some(isFoundationModel);
  const channelsOf = (name: string): readonly { readonly channels: number }[] => {
    if (isEncoderStages(name)) return minisamStages.levels;
    return isFoundationModel(name) ? [foundationModel(name)] : levelsBeside(backbone(name), beside);
  };
  return list.flatMap(channelsOf).reduce((sum, { channels }) => sum + channels, 0);
}

/**
 * How a list of networks sees patches. One network's features stay as they are; those of several are brought to the
 * finest of their grids and joined.
 * @param own weights of the only network where a classifier has trained it, see `ownBackbone`
 * @throws EpSamError `weights` when a foundation model is not there, `usage` when there is no such backbone, `shape` when
 *   a patch is smaller than a token, or larger than what SAM's encoder is shown
 */
export function planFrozenFeatures(
  names: string | readonly string[],
  patch: ShownPatch,
  own?: StateDict,
): FrozenFeaturesPlan {
  const list = backboneNames(names);
  if (own !== undefined) requireTrainable(names);
  const beside = list.some(isFoundationModel);
  const networks = list.map((name) => {
    if (isEncoderStages(name)) return stagesPlan(patch);
    return isFoundationModel(name)
      ? foundationPlan(foundationModel(name), patch)
      : backbonePlan(backbone(name), patch, { beside, own });
  });
  const width = Math.max(...networks.map(({ shape }) => shape.width));
  const height = Math.max(...networks.map(({ shape }) => shape.height));
  const channels = networks.reduce((sum, { shape }) => sum + shape.channels, 0);
  const [only] = networks;
  const stride =
    networks.length === 1 && only !== undefined && isBackbone(only.name)
      ? joinedShape(backbone(only.name).levels, { width: 1, height: 1 }).stride
      : patch.side / width;
  return { networks, shape: { channels, width, height, stride } };
}

function levelsBeside({ levels }: BackboneEntry, besideFoundation: boolean) {
  return besideFoundation ? levels.filter(({ stride }) => FINE_STRIDES.includes(stride)) : levels;
}

function backbonePlan(
  entry: BackboneEntry,
  { side }: ShownPatch,
  { beside, own }: { readonly beside: boolean; readonly own: StateDict | undefined },
): FrozenNetworkPlan {
  const levels = levelsBeside(entry, beside);
  const strides = beside ? levels.map(({ stride }) => stride) : undefined;
  const part = strides === undefined ? "" : `-${strides.join(".")}`;
  return {
    name: entry.name,
    shape: joinedShape(levels, { width: side, height: side }),
    atOnce: 1,
    id: async () => {
      const hash =
        own === undefined ? await hashFile(backboneFile(entry)) : hashBytes(encodeSafetensors(own));
      return `${entry.name}${part}-${side}-${hash}`;
    },
    open: async (device) => {
      const weights = own ?? (await loadBackboneWeights(entry)).weights;
      const size = { width: side, height: side };
      const features = await BackboneFeatures.create({ entry, weights, ...size, levels: strides, device });
      const get = async (image: RgbImage) => {
        const [found = []] = await features.compute([shownToBackbone(image, side)]);
        return joinFeatures(found);
      };
      return { get, getAll: (images) => mapConcurrently(images, 1, get), close: () => features.close() };
    },
  };
}

/** A patch in the side that backbones see it at. */
export function shownToBackbone(image: RgbImage, side: number): RgbImage {
  const isSized = image.width === side && image.height === side;
  return isSized ? image : resizeRgb(image, side, side, "bilinear");
}

function foundationPlan(
  model: FoundationModel,
  { patchSize, micronsPerPixel }: ShownPatch,
): FrozenNetworkPlan {
  const view = foundationView(model, patchSize, micronsPerPixel);
  const { sha256, mean, deviation, blocks = [], onnx = null, stride, channels, transformer = null } = model;
  const shown = hashBytes(JSON.stringify({ sha256, mean, deviation, blocks, onnx, stride, transformer }));
  return {
    name: model.name,
    shape: { channels, width: view.cells, height: view.cells },
    atOnce: patchesAtOnce(model, view),
    id: async () => `foundation-${view.cells}-${view.own}-${shown}`,
    open: (device, patches) => FoundationFeatures.create(model, view, device, patches),
  };
}

/** Joins the features of networks, see {@link planFrozenFeatures}. */
export function joinNetworks(
  parts: readonly JoinedFeatures[],
  { width, height }: FeatureShape,
): JoinedFeatures {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const channels = parts.reduce((sum, part) => sum + part.channels, 0);
  const cells = width * height;
  const data = new Float32Array(channels * cells);
  let offset = 0;
  for (const part of parts) {
    const own = part.width * part.height;
    for (let channel = 0; channel < part.channels; channel++) {
      const plane = part.data.subarray(channel * own, (channel + 1) * own);
      const map = { width: part.width, height: part.height, data: plane };
      data.set(own === cells ? plane : resizeFloatMap(map, width, height).data, offset);
      offset += cells;
    }
  }
  return { channels, width, height, data };
}

/** All networks of a plan, open for one patch at a time. */
export async function openFrozenFeatures(
  plan: FrozenFeaturesPlan,
  device: Device,
): Promise<Pick<FrozenNetwork, "get" | "close">> {
  const opened: FrozenNetwork[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((network) => network.close()));
  };
  try {
    for (const network of plan.networks) opened.push(await network.open(device));
  } catch (cause) {
    await close();
    throw cause;
  }
  return {
    get: async (image) => {
      const parts: JoinedFeatures[] = [];
      for (const network of opened) parts.push(await network.get(image));
      return joinNetworks(parts, plan.shape);
    },
    close,
  };
}

/**
 * Refuses a list of networks that cannot be joined.
 * @throws EpSamError `configuration`
 */
export function requireJoinable(names: string | readonly string[]): void {
  const list = backboneNames(names);
  const twice = list.find((name, index) => list.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new EpSamError("configuration", {
    what: `names ${twice} twice`,
    where: "classifier.dense.backbone",
    action: "Name each network once.",
  });
}

/** Why networks cannot be trained with a classifier's head; null where they can: one backbone of this package. */
export function whyUntrainable(names: string | readonly string[]): string | null {
  const list = backboneNames(names);
  const foundation = list.find(isFoundationModel);
  if (foundation !== undefined) return `${foundation} is a foundation model, which stays frozen`;
  if (list.some(isEncoderStages)) return `${minisamStages.name} is SAM's encoder, which stays frozen`;
  return list.length > 1 ? `${list.join(", ")} are several networks` : null;
}

function requireTrainable(names: string | readonly string[]): void {
  const why = whyUntrainable(names);
  if (why === null) return;
  throw new EpSamError("weights", {
    what: "cannot be those of a trained backbone",
    where: "classifier.dense.backbone",
    why,
    action: "Use the run's own configuration.",
  });
}
