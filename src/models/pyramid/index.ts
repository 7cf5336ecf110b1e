export { featurePyramid } from "./feature-pyramid.js";
export { initialPyramidWeights, type PyramidGraph, pyramidGraph, pyramidInputs } from "./pyramid-graph.js";
