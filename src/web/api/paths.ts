/** Addresses of the server, relative to the page. Everything that goes into a path is encoded. */
const part = encodeURIComponent;

export const paths = {
  workspace: "api/workspace",
  events: "api/events",
  jobs: "api/jobs",
  job: (job: string) => `api/jobs/${part(job)}`,
  received: "api/received",
  registered: "api/registered",
  receiving: (drop: string) => `api/received/${part(drop)}`,
  piece: (drop: string, index: number, offset: number) =>
    `api/received/${part(drop)}/${index}?offset=${offset}`,
  slide: (slide: string) => `api/slides/${part(slide)}`,
  thumbnail: (slide: string) => `api/slides/${part(slide)}/thumbnail`,
  tile: (slide: string, level: number, column: number, row: number) =>
    `api/slides/${part(slide)}/tiles/${level}/${column}/${row}`,
  layerTile: (slide: string, layer: string, level: number, column: number, row: number) =>
    `api/slides/${part(slide)}/layers/${part(layer)}/tiles/${level}/${column}/${row}`,
  results: (slide: string) => `api/slides/${part(slide)}/results`,
  slidePatches: (slide: string, dataset: string) =>
    `api/slides/${part(slide)}/patches?dataset=${part(dataset)}`,
  patches: (dataset: string, query: string) => `api/datasets/${part(dataset)}/patches?${query}`,
  patchImage: (dataset: string, patch: string) =>
    `api/datasets/${part(dataset)}/patches/${part(patch)}/image`,
  patchMask: (dataset: string, patch: string) => `api/datasets/${part(dataset)}/patches/${part(patch)}/mask`,
  stageMask: (run: string, patch: string, stage: string) =>
    `api/runs/${part(run)}/patches/${part(patch)}/masks/${part(stage)}`,
  report: (run: string) => `api/runs/${part(run)}/report`,
  comparison: (run: string) => `api/runs/${part(run)}/comparison`,
  uncertain: (run: string, limit: number) => `api/runs/${part(run)}/uncertain?limit=${limit}`,
  classes: "api/classes",
  renamedClass: "api/classes/rename",
  removedClass: "api/classes/remove",
  segmenters: "api/segmenters",
  decoder: (segmenter: string) => `api/segmenters/${part(segmenter)}/decoder`,
  embeddings: (slide: string) => `api/slides/${part(slide)}/embeddings`,
  embedding: (embedding: string) => `api/embeddings/${part(embedding)}`,
  embeddingMap: (embedding: string) => `api/embeddings/${part(embedding)}/map`,
  teaching: (slide: string, run: string | null) =>
    `api/slides/${part(slide)}/teaching${run === null ? "" : `?run=${part(run)}`}`,
  prepareTeaching: (slide: string) => `api/slides/${part(slide)}/teaching/prepare`,
  teachings: (slide: string) => `api/slides/${part(slide)}/teachings`,
  suggestions: (slide: string, teaching: string) =>
    `api/slides/${part(slide)}/teachings/${part(teaching)}/suggestions`,
  annotations: (slide: string) => `api/slides/${part(slide)}/annotations`,
  thresholds: (slide: string, layer: string, minimumPixels: number) =>
    `api/slides/${part(slide)}/layers/${part(layer)}/thresholds?minimumPixels=${minimumPixels}`,
  foundObjects: (slide: string) => `api/slides/${part(slide)}/annotations/results`,
  exportedAnnotations: (slide: string, format: "geojson" | "asap-xml") =>
    `api/slides/${part(slide)}/annotations/export?format=${format}`,
} as const;
