export { type DownloadPatience, defaultPatience } from "./download.js";
export { type CatalogueEntry, catalogue } from "./entries.js";
export {
  catalogueEntry,
  modelDirectory,
  type PulledModel,
  type PullOptions,
  pullModel,
  type StoredModel,
  storedModel,
} from "./store.js";
