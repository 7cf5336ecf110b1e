import { basename, sep } from "node:path";
import { nameKey, stemOf } from "../../dataset/index.js";
import { notFound } from "../problem.js";
import { opaqueId } from "./identifiers.js";
import { labelsOf } from "./labels.js";

export interface WorkspaceSlide {
  readonly id: string;
  /** File name without its folder. */
  readonly name: string;
  /** File name without extension: annotations, patches and results are matched by it. */
  readonly stem: string;
  /** Absolute, symbolic links resolved. */
  readonly path: string;
}

/** A dataset or run of the workspace. */
export interface WorkspaceDirectory {
  readonly id: string;
  readonly name: string;
  /** Absolute, symbolic links resolved. */
  readonly root: string;
}

/** A folder below which the page may name files and folders that are to be added. */
export interface AllowedFolder {
  /** Absolute, symbolic links resolved. */
  readonly root: string;
  /** As it was given, absolute. */
  readonly given: string;
}

/** What `epsam view` was given, found in its folders or made by its jobs, by opaque id. */
export class OpenWorkspace {
  readonly #slides = new Map<string, WorkspaceSlide>();
  readonly #datasets = new Map<string, WorkspaceDirectory>();
  readonly #runs = new Map<string, WorkspaceDirectory>();
  /** What each directory of results is called, where that is not its own name. */
  readonly #results = new Map<string, string | undefined>();
  readonly #annotations = new Set<string>();
  readonly #allowed = new Map<string, AllowedFolder>();
  /** What everything is called, by its path, until something is added. */
  #labels: ReadonlyMap<string, string> | null = null;

  /** In the order they were added. */
  get slides(): readonly WorkspaceSlide[] {
    return [...this.#slides.values()];
  }

  get datasets(): readonly WorkspaceDirectory[] {
    return [...this.#datasets.values()];
  }

  get runs(): readonly WorkspaceDirectory[] {
    return [...this.#runs.values()];
  }

  /** Directories that `epsam infer` wrote. */
  get results(): readonly string[] {
    return [...this.#results.keys()];
  }

  /** What results of a directory are called: by the run that made them where that is known, else by the directory. */
  resultsName(root: string): string {
    return this.#results.get(root) ?? this.#label(root);
  }

  /** What a slide, dataset or run is called: by its name, with folders where others of its kind have the same. */
  labelOf(entry: WorkspaceSlide | WorkspaceDirectory): string {
    return this.#label("path" in entry ? entry.path : entry.root);
  }

  #label(path: string): string {
    this.#labels ??= new Map(
      [
        this.slides.map((slide) => slide.path),
        this.datasets.map(({ root }) => root),
        this.runs.map(({ root }) => root),
        [...this.#results].flatMap(([root, name]) => (name === undefined ? [root] : [])),
      ].flatMap((paths) => [...labelsOf(paths)]),
    );
    return this.#labels.get(path) ?? basename(path);
  }

  /** Folders of annotation files named like the slides. */
  get annotationFolders(): readonly string[] {
    return [...this.#annotations];
  }

  /** @param path absolute, symbolic links resolved */
  addSlide(path: string): WorkspaceSlide {
    const name = basename(path);
    const slide = { id: opaqueId("slide", path), name, stem: stemOf(name), path };
    this.#slides.set(slide.id, slide);
    this.#labels = null;
    return slide;
  }

  /** @param root absolute, symbolic links resolved */
  addDataset(root: string): WorkspaceDirectory {
    const dataset = { id: opaqueId("dataset", root), name: basename(root), root };
    this.#datasets.set(dataset.id, dataset);
    this.#labels = null;
    return dataset;
  }

  /** @param root absolute, symbolic links resolved */
  addRun(root: string): WorkspaceDirectory {
    const run = { id: opaqueId("run", root), name: basename(root), root };
    this.#runs.set(run.id, run);
    this.#labels = null;
    return run;
  }

  /** @param root absolute, symbolic links resolved */
  addResults(root: string, name?: string): void {
    this.#results.set(root, name);
    this.#labels = null;
  }

  /** @param folder absolute, symbolic links resolved */
  addAnnotationFolder(folder: string): void {
    this.#annotations.add(folder);
  }

  get allowedFolders(): readonly AllowedFolder[] {
    return [...this.#allowed.values()];
  }

  allowFolder(folder: AllowedFolder): void {
    this.#allowed.set(folder.root, folder);
  }

  /**
   * The annotation folders that may hold a slide's file, the nearest first: of slides with the same name, a folder
   * belongs to those that lie nearest to it.
   */
  annotationFoldersOf(slide: WorkspaceSlide): string[] {
    const rivals = this.slides.filter(({ stem }) => nameKey(stem) === nameKey(slide.stem));
    return this.annotationFolders
      .filter((folder) => rivals.every(({ path }) => nearness(path, folder) <= nearness(slide.path, folder)))
      .sort((one, other) => nearness(slide.path, other) - nearness(slide.path, one));
  }

  /** @throws EpSamError `not-found` */
  slide(id: string): WorkspaceSlide {
    return found(this.#slides.get(id), "there is no such slide", id);
  }

  /** @throws EpSamError `not-found` */
  dataset(id: string): WorkspaceDirectory {
    return found(this.#datasets.get(id), "there is no such dataset", id);
  }

  /** @throws EpSamError `not-found` */
  run(id: string): WorkspaceDirectory {
    return found(this.#runs.get(id), "there is no such run", id);
  }
}

/** Folders that two paths have in common from the root. */
export function nearness(one: string, other: string): number {
  const [parts, others] = [one.split(sep), other.split(sep)];
  const different = parts.findIndex((part, index) => part !== others[index]);
  return different < 0 ? parts.length : different;
}

function found<Entry>(entry: Entry | undefined, what: string, id: string): Entry {
  if (entry === undefined) throw notFound(what, id);
  return entry;
}
