/**
 * What the page and the server say to each other: types of JSON bodies, no code beside constants. Paths begin with
 * `/api`; identifiers are opaque; every position is in level-0 pixels unless its type says otherwise.
 */
export * from "./annotations.js";
export * from "./datasets.js";
export * from "./geometry.js";
export * from "./jobs.js";
export * from "./segmentation.js";
export * from "./workspace.js";
