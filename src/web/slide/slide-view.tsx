import { useEffect, useRef, useState } from "preact/hooks";
import type { SlideDetail } from "../../contract/index.js";
import { announce, shortcuts } from "../interface/index.js";
import { inspectorShown } from "../interface/preferences.js";
import { slideRoute } from "../routing/hash-link.js";
import { route } from "../routing/location.js";
import { PageHead } from "../shell/page-head.js";
import { sizeText } from "../shell/slide-texts.js";
import { narrow, sheet } from "../state/screen.js";
import { type AttachedTools, attachTools } from "../tools/index.js";
import { openViewer } from "../viewer/index.js";
import { Inspector } from "./inspector.js";
import { attachPatchGrid } from "./patch-grid.js";
import { Readouts } from "./readouts.js";
import { createSession, type SlideSession } from "./session.js";
import { slideShortcuts } from "./slide-shortcuts.js";
import { showTaughtLayer } from "./taught-layer.js";
import { ViewerToolbar } from "./viewer-toolbar.js";

/** An open slide with all that belongs to it. */
interface OpenSlide {
  readonly session: SlideSession;
  readonly tools: AttachedTools;
}

/** The slide in its viewer, with the toolbar above and the inspector beside it. */
export function SlideView({ detail }: { readonly detail: SlideDetail }) {
  const stage = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLDivElement>(null);
  const navigator = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<OpenSlide | null>(null);
  const [navigatorShown, showNavigator] = useState(true);
  const inspectorVisible = narrow.value ? sheet.value === "inspector" : inspectorShown.value === "shown";

  useEffect(() => {
    if (picture.current === null || navigator.current === null) return undefined;
    const at = route.value;
    const given = at.page === "slide" && at.slide === detail.id ? at : slideRoute(detail.id);
    const viewer = openViewer({
      element: picture.current,
      navigator: navigator.current,
      slide: detail,
      view: given.view,
      shortcuts,
      announce,
    });
    const session = createSession(viewer, given);
    const grid = attachPatchGrid(session);
    const tools = attachTools(viewer);
    const removeShortcuts = shortcuts.register(
      ...slideShortcuts(
        session,
        () => stage.current,
        () => showNavigator((shown) => !shown),
      ),
    );
    setOpen({ session, tools });
    return () => {
      setOpen(null);
      removeShortcuts();
      tools.dispose();
      grid();
      session.dispose();
      viewer.dispose();
    };
    // A slide that changed (see below) stays open.
  }, [detail.id]);

  useEffect(
    () => (open === null ? undefined : showTaughtLayer(open.session, detail, open.tools.taughtLayer)),
    [open, detail],
  );

  return (
    <section class="slide-page" aria-label={`Slide ${detail.name}`}>
      <PageHead title={detail.name} subtitle={sizeText(detail)}>
        {open === null ? null : (
          <ViewerToolbar session={open.session} stage={() => stage.current} tools={open.tools.Toolbar} />
        )}
      </PageHead>
      <div class="slide-body">
        <div class="stage" ref={stage} aria-busy={open?.session.viewer.loading.value ?? true}>
          <div class="slide-view" ref={picture} />
          <div class="navigator" ref={navigator} hidden={!navigatorShown} />
          {open === null ? null : <Readouts session={open.session} />}
        </div>
        {open !== null && inspectorVisible ? (
          <Inspector session={open.session} toolPanel={open.tools.Panel} />
        ) : null}
      </div>
    </section>
  );
}
