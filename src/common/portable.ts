/** What the page uses too: it runs in a browser, without Node's modules. */
export { crc32 } from "./crc32.js";
export { firstRepeated, grouped } from "./grouped.js";
export { RecentlyUsed, type RecentlyUsedOptions } from "./recently-used.js";
export { nameInCell, safeCells } from "./safe-cells.js";
export { signed } from "./signed.js";
export { aboutTime } from "./time-left.js";
export { visibleText } from "./visible-text.js";
