export { isPlain, type Look, lookText } from "./look.js";
export { pixelChange } from "./look-pixels.js";
export { LookingPanel } from "./looking-panel.js";
export { type OpenLooking, openLooking } from "./open-looking.js";
