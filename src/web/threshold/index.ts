export { type OpenThreshold, openThreshold } from "./open-threshold.js";
export { ThresholdPanel } from "./threshold-panel.js";
