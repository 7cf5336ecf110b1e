export { firstSetting } from "./first-setting.js";
export { LayerRow } from "./layer-row.js";
