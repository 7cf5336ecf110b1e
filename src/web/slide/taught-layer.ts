import { effect, type ReadonlySignal, untracked } from "@preact/signals";
import type { LayerEntry, SlideDetail } from "../../contract/index.js";
import { firstSetting } from "../layers/index.js";
import type { SlideSession } from "./session.js";

/** What the identifiers of taught maps begin with. */
const TAUGHT = "teaching-";

/** Whether a layer is of a map that squares teach, which is made of what is seen. */
export const isTaught = ({ id }: { readonly id: string }): boolean => id.startsWith(TAUGHT);

/**
 * Shows a slide with the map that squares teach as one more of its layers. The next map takes the place of the one
 * before, with the opacity and the colours that were chosen for that; switched off, it stays so.
 * @returns ends it
 */
export function showTaughtLayer(
  { viewer, layers }: SlideSession,
  detail: SlideDetail,
  taught: ReadonlySignal<LayerEntry | null>,
): () => void {
  return effect(() => {
    const layer = taught.value;
    untracked(() => {
      const before = viewer.slide.value.layers.find(isTaught);
      const setting = layers.value.find(isTaught);
      const isOff = before !== undefined && setting === undefined;
      const others = layers.value.filter((one) => !isTaught(one));
      viewer.updateSlide(layer === null ? detail : { ...detail, layers: [...detail.layers, layer] });
      if (layer === null || isOff) layers.value = others;
      else layers.value = [...others, { ...firstSetting(layer), ...setting, id: layer.id }];
    });
  });
}
