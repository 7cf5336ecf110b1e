import type { SlideEntry } from "../../contract/index.js";
import { withSeparators } from "../viewer/index.js";

/** What a list says of a slide: name, size, and what there is for it. */
export function SlideTexts({ slide }: { readonly slide: SlideEntry }) {
  return (
    <>
      <span class="item-name">{slide.name}</span>
      <span class="item-note">{sizeText(slide)}</span>
      <span class="item-note">
        {slide.segmented ? <span class="badge">segmented</span> : null}
        {slide.annotationCount > 0 ? <span class="badge">{slide.annotationCount} annotations</span> : null}
      </span>
    </>
  );
}

/** Size and resolution of a slide. */
export function sizeText({ size, micronsPerPixel }: SlideEntry): string {
  const pixels = size === null ? "" : `${withSeparators(size.width)} × ${withSeparators(size.height)}`;
  const resolution =
    micronsPerPixel === null ? "µm/px unknown" : `${Number(micronsPerPixel.x.toPrecision(3))} µm/px`;
  return `${pixels} · ${resolution}`;
}
