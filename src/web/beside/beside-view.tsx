import type { Signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { type SlideDetail, slideDetailSchema } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { Resource, useResource } from "../interface/index.js";
import type { Look } from "../looking/index.js";
import type { Beside } from "../routing/hash-link.js";
import { workspaceRevision } from "../state/workspace.js";
import type { OpenViewer } from "../viewer/index.js";
import { BesideBar } from "./beside-bar.js";
import { Curtain } from "./curtain.js";
import { type OpenBeside, openBeside } from "./open-beside.js";

interface BesideViewProps {
  readonly here: OpenViewer;
  readonly beside: Signal<Beside | null>;
  readonly look: Signal<Look>;
}

/** What is seen beside the slide, or under its curtain. */
export function BesideView({ here, beside, look }: BesideViewProps) {
  const { value } = beside;
  const own = here.slide.value;
  const other = value === null || value.slide === own.id ? null : value.slide;
  const [loaded, again] = useResource(
    slideDetailSchema,
    other === null ? null : paths.slide(other),
    workspaceRevision.value,
  );
  if (value === null) return null;
  if (other === null) return <Second key={own.id} {...{ here, beside, look }} detail={own} />;
  return (
    <Resource loaded={loaded} again={again} what="the slide beside">
      {(detail) => <Second key={detail.id} {...{ here, beside, look, detail }} />}
    </Resource>
  );
}

function Second({ here, beside, look, detail }: BesideViewProps & { readonly detail: SlideDetail }) {
  const picture = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<OpenBeside | null>(null);
  useEffect(() => {
    if (picture.current === null) return undefined;
    const opened = openBeside({ element: picture.current, here, detail, beside, look });
    setOpen(opened);
    return () => {
      setOpen(null);
      opened.dispose();
    };
    // A slide that got other layers stays open.
  }, [detail.id, here]);
  useEffect(() => open?.viewer.updateSlide(detail), [open, detail]);
  const curtain = beside.value?.curtain ?? null;
  return (
    <>
      <section
        class={curtain === null ? "beside-view" : "beside-view under-curtain"}
        aria-label={`Beside: ${detail.name}`}
        aria-busy={open?.viewer.loading.value ?? true}
        style={curtain === null ? { clipPath: "none" } : { clipPath: `inset(0 0 0 ${curtain * 100}%)` }}
      >
        <div class="beside-picture" ref={picture} />
      </section>
      {curtain === null ? null : <Curtain beside={beside} here={here.slide.value.name} there={detail.name} />}
      {open === null ? null : <BesideBar beside={beside} open={open} detail={detail} />}
    </>
  );
}
