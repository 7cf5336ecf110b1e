import type { SegmentationSettings, SlideResult } from "./options.js";

/** A stored result, or null when this version did not write it: every change of the layout raises its version. */
export function readStoredSlide(
  value: unknown,
): { readonly result: SlideResult; readonly settings: SegmentationSettings } | null {
  return isResult(value) ? { result: value, settings: value.settings } : null;
}

function isResult(value: unknown): value is SlideResult {
  return (
    typeof value === "object" &&
    value !== null &&
    "formatVersion" in value &&
    value.formatVersion === 1 &&
    "settings" in value &&
    typeof value.settings === "object" &&
    value.settings !== null &&
    "patches" in value
  );
}
