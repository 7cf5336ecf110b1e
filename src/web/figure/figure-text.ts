import type { SlideDetail } from "../../contract/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import type { ViewState } from "../viewer/index.js";

export interface FigureFacts {
  readonly slide: SlideDetail;
  readonly view: ViewState;
  readonly ratio: number;
  readonly layers: readonly LayerSetting[];
  /** What is done to the slide's own pixels, in words; empty for nothing. */
  readonly look: string;
}

/** What a figure shows and how, as it has to be told in a paper. */
export function figureText({ slide, view, ratio, layers, look }: FigureFacts): string {
  const { centre, zoom, rotation } = view;
  const { micronsPerPixel } = slide;
  const scale = zoom * ratio;
  const resolution =
    micronsPerPixel === null
      ? `${Number((1 / scale).toPrecision(4))} level-0 pixels per pixel`
      : `${Number((micronsPerPixel.x / scale).toPrecision(4))} µm per pixel`;
  const shown = slide.layers.flatMap(({ id, title, origin }) => {
    const setting = layers.find((one) => one.id === id);
    return setting === undefined ? [] : [`${title} (${origin}) at ${Math.round(setting.opacity * 100)} %`];
  });
  return [
    slide.name,
    resolution,
    `centre ${centre.map((value) => Math.round(value)).join(", ")} px`,
    ...(rotation === 0 ? [] : [`turned by ${Number(rotation.toFixed(1))}°`]),
    ...(shown.length === 0 ? [] : [`layers: ${shown.join(", ")}`]),
    ...(look === "" ? [] : [`shown with ${look}`]),
  ].join("; ");
}
