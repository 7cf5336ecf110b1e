import type { Area, Box } from "../../../contract/index.js";
import { areaSize, boundsOf } from "../../../geometry/index.js";

/** Logits along a side of a patch: a mask that comes as near to its border as one of them ends there. */
const LOGITS = 256;
/** A mask of more of its patch than this tells nothing apart: SAM takes a click on even tissue for all of it. */
const WHOLE = 0.95;

/** Whether a mask is nearly all of the patch that it was found in. */
export function fillsPatch(area: Area, patch: Box): boolean {
  return areaSize(area) > WHOLE * patch.width * patch.height;
}

/** Whether a mask ends where the patch does that it was found in, although the slide goes on there. */
export function isCutOff(
  area: Area,
  patch: Box,
  slide: { readonly width: number; readonly height: number },
): boolean {
  const bounds = boundsOf(area);
  if (bounds === null) return false;
  const [acrossX, acrossY] = [patch.width / LOGITS, patch.height / LOGITS];
  const [right, bottom] = [patch.x + patch.width, patch.y + patch.height];
  return (
    (patch.x > acrossX && bounds.left < patch.x + acrossX) ||
    (patch.y > acrossY && bounds.top < patch.y + acrossY) ||
    (right < slide.width - acrossX && bounds.right > right - acrossX) ||
    (bottom < slide.height - acrossY && bounds.bottom > bottom - acrossY)
  );
}
