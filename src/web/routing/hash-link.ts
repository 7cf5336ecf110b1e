import { type JobKind, jobKinds, type PatchSort, patchSorts } from "../../contract/index.js";
import type { ViewState } from "../viewer/handle.js";
import { type Beside, besideParts, parseBeside } from "./beside-link.js";
import {
  type LayerSetting,
  layerText,
  parseLayer,
  parseView,
  type QueryParts,
  viewParts,
} from "./link-parts.js";

export type { Alignment, Beside } from "./beside-link.js";
export type { LayerSetting } from "./link-parts.js";

export interface GalleryQuery {
  readonly split: "train" | "val" | "test" | null;
  readonly label: 0 | 1 | null;
  readonly run: string | null;
  /** Only patches whose IDS score is lower. */
  readonly idsBelow: number | null;
  /** Only patches whose last two stages disagree more, as a fraction. */
  readonly disagreementAbove: number | null;
  readonly sort: PatchSort;
  readonly offset: number;
}

export const runTabs = ["report", "comparison", "uncertain"] as const;
export type RunTab = (typeof runTabs)[number];

/** A place of the page. */
export type Route =
  | { readonly page: "home" }
  | {
      readonly page: "slide";
      readonly slide: string;
      /** Null: the whole slide. */
      readonly view: ViewState | null;
      /** Null: as the page sees fit. */
      readonly layers: readonly LayerSetting[] | null;
      /** Dataset whose patches are outlined. */
      readonly grid: string | null;
      readonly beside: Beside | null;
    }
  | { readonly page: "dataset"; readonly dataset: string; readonly query: GalleryQuery }
  | { readonly page: "run"; readonly run: string; readonly tab: RunTab }
  | {
      readonly page: "jobs";
      /** The form that is open. */
      readonly start: JobKind | null;
      /** What the form begins with. */
      readonly run: string | null;
      readonly dataset: string | null;
      readonly slide: string | null;
      /** The job whose values the form begins with. */
      readonly repeat: string | null;
    };

export const wholeGallery: GalleryQuery = {
  split: null,
  label: null,
  run: null,
  idsBelow: null,
  disagreementAbove: null,
  sort: "manifest",
  offset: 0,
};

/** The link to a slide as a whole. */
export function slideRoute(slide: string): Extract<Route, { page: "slide" }> {
  return { page: "slide", slide, view: null, layers: null, grid: null, beside: null };
}

/** The link to an empty or a prepared jobs page. */
export function jobsRoute(
  start: JobKind | null = null,
  given: { readonly run?: string; readonly dataset?: string; readonly slide?: string } = {},
): Extract<Route, { page: "jobs" }> {
  const { run = null, dataset = null, slide = null } = given;
  return { page: "jobs", start, run, dataset, slide, repeat: null };
}

/** A place as the fragment of an address, `#` included. */
export function formatRoute(route: Route): string {
  switch (route.page) {
    case "home":
      return "#/";
    case "slide":
      return `#/slides/${escaped(route.slide)}${query([
        ...viewParts(route.view),
        ...(route.layers === null ? [] : layerParts(route.layers)),
        ["grid", route.grid],
        ...besideParts(route.beside),
      ])}`;
    case "dataset": {
      const { split, label, run, idsBelow, disagreementAbove, sort, offset } = route.query;
      return `#/datasets/${escaped(route.dataset)}${query([
        ["split", split],
        ["label", label],
        ["run", run],
        ["ids-below", idsBelow],
        ["disagreement-above", disagreementAbove],
        ["sort", sort === wholeGallery.sort ? null : sort],
        ["offset", offset === 0 ? null : offset],
      ])}`;
    }
    case "run":
      return `#/runs/${escaped(route.run)}${query([["tab", route.tab === "report" ? null : route.tab]])}`;
    case "jobs":
      return `#/jobs${query([
        ["start", route.start],
        ["run", route.run],
        ["dataset", route.dataset],
        ["slide", route.slide],
        ["repeat", route.repeat],
      ])}`;
  }
}

/** The place that the fragment of an address names; what it does not make sense of is left out. */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?");
  const [kind, id] = path.split("/").map(unescaped);
  const values = new URLSearchParams(search.replaceAll("+", "%2B"));
  if (kind === "jobs") {
    const start = jobKinds.find((name) => name === values.get("start")) ?? null;
    const [run, dataset, slide] = [values.get("run"), values.get("dataset"), values.get("slide")];
    return { page: "jobs", start, run, dataset, slide, repeat: values.get("repeat") };
  }
  if (id === undefined || id === "") return { page: "home" };
  if (kind === "slides") {
    return {
      page: "slide",
      slide: id,
      view: parseView(values),
      layers: values.has("layer") ? values.getAll("layer").flatMap(parseLayer) : null,
      grid: values.get("grid"),
      beside: parseBeside(values),
    };
  }
  if (kind === "datasets") return { page: "dataset", dataset: id, query: parseGallery(values) };
  if (kind === "runs") {
    return { page: "run", run: id, tab: runTabs.find((tab) => tab === values.get("tab")) ?? "report" };
  }
  return { page: "home" };
}

function query(parts: QueryParts): string {
  const given = parts.filter(([, value]) => value !== null);
  return given.length === 0
    ? ""
    : `?${given.map(([name, value]) => `${name}=${escaped(`${value}`)}`).join("&")}`;
}

/** No layer at all is written too: it differs from a link that leaves the choice to the page. */
function layerParts(layers: readonly LayerSetting[]): QueryParts {
  if (layers.length === 0) return [["layer", ""]];
  return layers.map((layer) => ["layer", layerText(layer)]);
}

function parseGallery(values: URLSearchParams): GalleryQuery {
  const label = values.get("label");
  const offset = Number(values.get("offset") ?? 0);
  return {
    split: (["train", "val", "test"] as const).find((split) => split === values.get("split")) ?? null,
    label: label === "0" ? 0 : label === "1" ? 1 : null,
    run: values.get("run"),
    idsBelow: parseFraction(values.get("ids-below")),
    disagreementAbove: parseFraction(values.get("disagreement-above")),
    sort: patchSorts.find((sort) => sort === values.get("sort")) ?? wholeGallery.sort,
    offset: Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
  };
}

function parseFraction(text: string | null): number | null {
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return value >= 0 && value <= 1 ? value : null;
}

/** Colons and commas are legal in a fragment and stay readable. */
function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2C", ",");
}

/** A damaged escape stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    if (cause instanceof URIError) return text;
    throw cause;
  }
}
