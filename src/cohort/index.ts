export { agreeOnDivision, type Division, divide, stemsOf, type WeighedSlide, weigh } from "./division.js";
export * from "./queue/index.js";
export { parseShard, type Shard } from "./shard.js";
export {
  type CollectedInference,
  collectInference,
  inferShard,
  type MissingSlide,
} from "./shard-inference.js";
export {
  type CollectedPreparation,
  collectPreparation,
  type PreparedShard,
  prepareInShard,
} from "./shard-preparation.js";
