import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import {
  type DecodedMask,
  decodedMaskSchema,
  embeddingEntrySchema,
  type SegmenterEntry,
  segmentersSchema,
} from "../../../contract/index.js";
import { onServerEvent, paths, requestJson } from "../../api/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { ClickSession } from "./click-session.js";
import { fillsPatch, isCutOff } from "./cut-off.js";
import { BrowserMaskDecoder, type DecodingPlace } from "./mask-decoder.js";
import type { MaskRequest } from "./messages.js";

/** How large patches are: as the decoder was trained, or as large as what is seen. */
export type PatchExtent = "trained" | "view";

/** Share of the shorter side of the view that a patch of its size takes. */
const VIEW_SHARE = 0.9;
/** Sides of patches of the view's size, in level-0 pixels. */
const SIDES = { least: 128, most: 16_384 } as const;

/** Everything about segmenting with clicks on one slide. */
export interface Segmentation {
  readonly session: ClickSession;
  /** Null until they are known. */
  readonly segmenters: ReadonlySignal<readonly SegmenterEntry[] | null>;
  /** Id of the chosen one; the first when none is. */
  readonly chosen: Signal<string | null>;
  readonly segmenter: ReadonlySignal<SegmenterEntry | null>;
  readonly extent: Signal<PatchExtent | null>;
  readonly place: ReadonlySignal<DecodingPlace>;
  /** Whether the mask ends at the border of the patch that was looked at, and more of the slide can be. */
  readonly isCutOff: ReadonlySignal<boolean>;
  /** Whether the mask is all of that patch: nothing stands out from what is around the click. */
  readonly isWhole: ReadonlySignal<boolean>;
  /** Sets patch size and decoder for the next click. */
  prepare(): void;
  dispose(): void;
}

/** The extent that suits a segmenter: one trained on tissue knows one magnification, SAM itself any. */
export function usualExtent({ run }: SegmenterEntry): PatchExtent {
  return run === null ? "view" : "trained";
}

export function openSegmentation(viewer: SlideViewer, onProblem: (thrown: unknown) => void): Segmentation {
  const segmenters = signal<readonly SegmenterEntry[] | null>(null);
  const chosen = signal<string | null>(null);
  const extent = signal<PatchExtent | null>(null);
  const segmenter = computed(
    () => segmenters.value?.find(({ id }) => id === chosen.value) ?? segmenters.value?.[0] ?? null,
  );
  const decoder = new BrowserMaskDecoder({ startWorker, decodeOnServer });
  const session = new ClickSession({
    embed: (body, signalOfRequest) =>
      requestJson(embeddingEntrySchema, paths.embeddings(viewer.slide.value.id), {
        method: "POST",
        body,
        signal: signalOfRequest,
      }),
    decoder,
    decoderAddress: (id) => new URL(paths.decoder(id), document.baseURI).href,
    embeddingAddress: (id) => new URL(paths.embedding(id), document.baseURI).href,
    mapAddress: (id) => new URL(paths.embeddingMap(id), document.baseURI).href,
    onProblem,
  });
  const load = async (): Promise<void> => {
    try {
      segmenters.value = await requestJson(segmentersSchema, paths.segmenters);
    } catch (thrown) {
      onProblem(thrown);
    }
  };
  const prepare = (): void => {
    if (segmenter.value === null) return;
    session.use(
      segmenter.value,
      sideOf(viewer, segmenter.value, extent.value ?? usualExtent(segmenter.value)),
    );
  };
  void load();
  const ends = [
    // A run that was finished meanwhile has a new decoder.
    onServerEvent("workspace", () => void load()),
    effect(() => {
      if (segmenter.value !== null && extent.value !== undefined) untracked(prepare);
    }),
  ];
  return {
    ...{ session, segmenters, chosen, segmenter, extent, prepare },
    place: decoder.place,
    isCutOff: computed(() => {
      const { size } = viewer.slide.value;
      const mask = session.mask.value;
      if (mask === null || size === null || 2 * mask.patch.width > SIDES.most) return false;
      return isCutOff(mask.area, mask.patch, size);
    }),
    isWhole: computed(() => {
      const mask = session.mask.value;
      return mask !== null && fillsPatch(mask.area, mask.patch);
    }),
    dispose() {
      for (const end of ends) end();
      session.clear();
      decoder.dispose();
    },
  };
}

/** Side of a patch in level-0 pixels. */
function sideOf(viewer: SlideViewer, { patchSize, patchMpp }: SegmenterEntry, extent: PatchExtent): number {
  const { micronsPerPixel } = viewer.slide.value;
  if (extent === "trained") {
    return patchMpp === null || micronsPerPixel === null
      ? patchSize
      : (patchSize * patchMpp) / micronsPerPixel.x;
  }
  const { clientWidth, clientHeight } = viewer.element;
  const seen = (Math.min(clientWidth, clientHeight) * VIEW_SHARE) / viewer.view.peek().zoom;
  return Math.max(SIDES.least, Math.min(SIDES.most, Math.round(seen)));
}

function startWorker(): Worker {
  return new Worker(new URL("decoder-worker.js", document.baseURI), { type: "module", name: "decoder" });
}

function decodeOnServer({ embedding, prompt }: MaskRequest): Promise<DecodedMask> {
  return requestJson(decodedMaskSchema, `${embedding}/mask`, { method: "POST", body: prompt });
}
