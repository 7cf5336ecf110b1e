import type { LayerEntry } from "../../contract/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import { mapsFor } from "../viewer/index.js";

/** The first opacity of a layer. */
const OPACITY = { fraction: 0.6, mask: 0.8, difference: 0.7 } as const;

/** How a layer looks when it is switched on. */
export function firstSetting({ id, values }: Pick<LayerEntry, "id" | "values">): LayerSetting {
  return { id, opacity: OPACITY[values], map: mapsFor(values)[0] ?? "viridis" };
}
