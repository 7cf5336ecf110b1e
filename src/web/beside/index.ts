export { BesideView } from "./beside-view.js";
export { firstBeside } from "./open-beside.js";
