import { useEffect, useRef } from "preact/hooks";
import { isAbort } from "../api/index.js";
import { showProblem } from "../interface/index.js";
import { type ColourMapName, colouredContext, greyPicture } from "../viewer/index.js";

interface PatchPictureProps {
  readonly image: string;
  /** Address of a mask that is outlined on it; null for none. */
  readonly mask: string | null;
  /** Whose colour the mask has. */
  readonly kind?: "tumour-mask" | "ground-truth";
  readonly map?: ColourMapName;
  readonly alt: string;
}

/** A patch with a mask drawn over it. */
export function PatchPicture({
  image,
  mask,
  kind = "tumour-mask",
  map = "tint-outline",
  alt,
}: PatchPictureProps) {
  const holder = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (mask === null) return undefined;
    const controller = new AbortController();
    let canvas: HTMLCanvasElement | null = null;
    // Masks are fetched when they come into view, as their pictures are.
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      greyPicture(mask, controller.signal).then(
        (grey) => {
          canvas = colouredContext(grey, map, kind).canvas;
          holder.current?.append(canvas);
        },
        (cause: unknown) => {
          if (!isAbort(cause)) showProblem(cause);
        },
      );
    });
    if (holder.current !== null) observer.observe(holder.current);
    return () => {
      observer.disconnect();
      controller.abort();
      canvas?.remove();
    };
  }, [mask, kind, map]);
  return (
    <span class="patch-picture" ref={holder}>
      <img loading="lazy" decoding="async" src={image} alt={alt} />
    </span>
  );
}
