import type { LayerEntry } from "../../contract/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import { colourTable, differenceClasses, maskColours, type Rgba } from "../viewer/colour-maps.js";

/** A line of a figure's legend. */
export interface LegendRow {
  readonly title: string;
  /** One colour, or those from 0 to 1. */
  readonly colours: readonly Rgba[];
}

/** Grey levels between two colours of a scale. */
const STEP = 15;

/** Names and colours of the layers that a figure shows, the uppermost first. */
export function legendRows(layers: readonly LayerEntry[], shown: readonly LayerSetting[]): LegendRow[] {
  return layers.flatMap((layer) => {
    const setting = shown.find(({ id }) => id === layer.id);
    if (setting === undefined) return [];
    if (layer.values === "difference") {
      return differenceClasses.map(
        ({ title, colour }): LegendRow => ({ title, colours: [[...colour, 255]] }),
      );
    }
    if (layer.values === "mask") {
      return [{ title: layer.title, colours: [[...maskColours[layer.kind], 255] as const] }];
    }
    const colours = colourTable(setting.map, layer.kind).filter((_, level) => level % STEP === 0);
    return [{ title: `${layer.title}, 0 to 1`, colours }];
  });
}
