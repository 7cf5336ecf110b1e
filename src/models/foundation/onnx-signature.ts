import { basename, dirname, join, win32 } from "node:path";
import { EpSamError, exists, hashFile } from "../../common/index.js";
import { OnnxDataType, type OnnxModel, type OnnxNode, type OnnxTensor } from "../../graph/index.js";
import { onnxTypeName, readOnnxModel } from "../weights/onnx-initializers.js";

/** Domains of operators that ONNX Runtime has. */
const KNOWN_DOMAINS = new Set([undefined, "", "ai.onnx", "ai.onnx.ml", "com.microsoft"]);

/** What an ONNX file takes and gives. */
export interface OnnxSignature {
  readonly input: string;
  readonly output: string;
  /** Images of one run; null where it takes any number. */
  readonly batch: number | null;
  /** Height and width; null where it takes any. */
  readonly height: number | null;
  readonly width: number | null;
  /** Names of sizes that it leaves open. */
  readonly open: {
    readonly batch?: string | undefined;
    readonly height?: string | undefined;
    readonly width?: string | undefined;
  };
  /** Files beside it that hold weights, with their SHA-256. */
  readonly data: readonly { readonly file: string; readonly sha256: string }[];
}

/**
 * What an encoder's ONNX file takes and gives, without running it.
 * @param output the output that holds the features; the first unless told
 * @throws EpSamError `weights` when it has custom operators, weights outside its folder, or takes something else than
 *   images as float32
 */
export async function onnxSignature(path: string, output?: string): Promise<OnnxSignature> {
  const model = await readOnnxModel(path);
  requireKnownOperators(path, model);
  const data = await externalData(path, model);
  const { graph } = model;
  const initial = new Set((graph.initializer ?? []).map(({ name }) => name));
  const inputs = (graph.input ?? []).filter(({ name }) => !initial.has(name));
  const [image] = inputs;
  const type = image?.type?.tensorType;
  const dims = type?.shape?.dim ?? [];
  if (image === undefined || inputs.length !== 1 || dims.length !== 4) {
    const found = inputs.map(
      ({ name, type }) => `${name} with ${type?.tensorType?.shape?.dim.length ?? 0} axes`,
    );
    throw refused(path, "does not take images alone", `its inputs are ${found.join(", ") || "none"}`);
  }
  if (type?.elemType !== OnnxDataType.float32) {
    throw refused(
      path,
      "takes no float32 images",
      `${image.name} is of ${onnxTypeName(type?.elemType)}`,
      "Export the encoder in float32.",
    );
  }
  const sizes = dims.map(({ dimValue }) =>
    dimValue === undefined || dimValue <= 0 ? null : Number(dimValue),
  );
  const [batch = null, channels = null, height = null, width = null] = sizes;
  if (channels !== null && channels !== 3) {
    throw refused(
      path,
      `takes images of ${channels} channels`,
      "red, green and blue come second, [N, 3, H, W]",
    );
  }
  const names = (graph.output ?? []).map(({ name }) => name);
  const chosen = output ?? names[0];
  if (chosen === undefined || !names.includes(chosen)) {
    throw refused(path, `has no output ${output ?? ""}`, `its outputs are ${names.join(", ") || "none"}`);
  }
  const open = { batch: dims[0]?.dimParam, height: dims[2]?.dimParam, width: dims[3]?.dimParam };
  return { input: image.name, output: chosen, batch, height, width, open, data };
}

/** Nodes with those of the branches and loops in them. */
function withInner(nodes: readonly OnnxNode[]): OnnxNode[] {
  return nodes.flatMap((node) => [
    node,
    ...(node.attribute ?? []).flatMap(({ g }) => withInner(g?.node ?? [])),
  ]);
}

/** All nodes of a model: of its graph, and of the operators that it defines itself. */
function nodesOf({ graph, functions = [] }: OnnxModel): OnnxNode[] {
  return withInner([...(graph.node ?? []), ...functions.flatMap(({ node }) => node ?? [])]);
}

function requireKnownOperators(path: string, model: OnnxModel): void {
  const defined = new Set(model.functions?.map(({ domain, name }) => `${domain}.${name}`));
  const custom = nodesOf(model).filter(
    ({ domain, opType }) => !KNOWN_DOMAINS.has(domain) && !defined.has(`${domain}.${opType}`),
  );
  if (custom.length === 0) return;
  const kinds = [...new Set(custom.map(({ domain, opType }) => `${domain}.${opType}`))];
  throw refused(
    path,
    "has custom operators",
    `${kinds.slice(0, 6).join(", ")}; only those of ONNX and ONNX Runtime are run`,
    "Export it again without them.",
  );
}

/** All tensors of a model: initialisers and constants, those of branches and loops too. */
function tensorsOf(model: OnnxModel): OnnxTensor[] {
  const attributes = nodesOf(model).flatMap(({ attribute = [] }) => attribute);
  const constants = attributes.flatMap(({ t }) => (t === undefined ? [] : [t]));
  const graphs = [model.graph, ...attributes.flatMap(({ g }) => (g === undefined ? [] : [g]))];
  return [...graphs.flatMap(({ initializer = [] }) => initializer), ...constants];
}

async function externalData(path: string, model: OnnxModel): Promise<OnnxSignature["data"]> {
  const places = tensorsOf(model).flatMap(({ name = "a constant", externalData = [] }) =>
    externalData.filter(({ key }) => key === "location").map(({ value }) => ({ name, file: value })),
  );
  const outside = places.find(({ file }) => !isBeside(file));
  if (outside !== undefined) {
    throw refused(
      path,
      "has weights outside its folder",
      `those of ${outside.name} lie in ${outside.file}`,
      "Export it again with its weights in the same folder.",
    );
  }
  const files = [...new Set(places.map(({ file }) => file))];
  const absent: string[] = [];
  for (const file of files) if (!(await exists(join(dirname(path), file)))) absent.push(file);
  if (absent.length > 0) {
    throw refused(
      path,
      "lacks files of its weights",
      `${absent.join(", ")} is not beside it`,
      "Fetch all of its files.",
    );
  }
  return Promise.all(
    files.map(async (file) => ({ file, sha256: await hashFile(join(dirname(path), file)) })),
  );
}

/** Whether a path is a file's name alone, on any system. */
function isBeside(file: string): boolean {
  return file === basename(file) && file === win32.basename(file) && !["", ".", ".."].includes(file);
}

/** What an encoder's file is refused with. */
export function refused(path: string, what: string, why: string, action?: string): EpSamError {
  return new EpSamError("weights", {
    what,
    where: path,
    why,
    action:
      action ?? "Export the encoder from images [N, 3, H, W] to features [N, C, h, w] or tokens [N, T, C].",
  });
}
