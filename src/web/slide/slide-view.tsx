import { useEffect, useRef, useState } from "preact/hooks";
import type { SlideDetail } from "../../contract/index.js";
import { BesideView } from "../beside/index.js";
import { FigureDialog } from "../figure/index.js";
import { announce, shortcuts } from "../interface/index.js";
import { type OpenLooking, openLooking } from "../looking/index.js";
import { ObjectDock, type OpenObjects, openObjects } from "../objects/index.js";
import { slideRoute } from "../routing/hash-link.js";
import { route } from "../routing/location.js";
import { PageHead } from "../shell/page-head.js";
import { sizeText } from "../shell/slide-texts.js";
import { isPanelSeen, objectsVisible, togglePanel } from "../state/screen.js";
import { type OpenThreshold, openThreshold } from "../threshold/index.js";
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
  readonly objects: OpenObjects;
  readonly threshold: OpenThreshold;
  readonly looking: OpenLooking;
}

/** The slide in its viewer, with the toolbar above and the inspector beside it. */
export function SlideView({ detail }: { readonly detail: SlideDetail }) {
  const stage = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLDivElement>(null);
  const navigator = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<OpenSlide | null>(null);
  const [figureShown, showFigure] = useState(false);
  const [navigatorShown, showNavigator] = useState(true);

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
    const threshold = openThreshold(viewer, tools.editor, session.bare);
    const looking = openLooking(viewer);
    const objects = openObjects(viewer, tools.editor, objectsVisible);
    const removeShortcuts = shortcuts.register(
      ...slideShortcuts(session, () => stage.current, {
        toggleNavigator: () => showNavigator((shown) => !shown),
        saveFigure: () => showFigure(true),
      }),
    );
    setOpen({ session, tools, objects, threshold, looking });
    return () => {
      setOpen(null);
      removeShortcuts();
      objects.dispose();
      threshold.dispose();
      looking.dispose();
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

  const beside = open?.session.beside.value ?? null;
  const stageClass = beside === null || beside.curtain !== null ? "stage" : "stage side-by-side";

  return (
    <section class="slide-page" aria-label={`Slide ${detail.name}`}>
      <PageHead title={detail.name} subtitle={sizeText(detail)}>
        {open === null ? null : (
          <ViewerToolbar session={open.session} stage={() => stage.current} tools={open.tools.Toolbar} />
        )}
      </PageHead>
      <div class="slide-body">
        <div class="stage-column">
          <div class={stageClass} ref={stage} aria-busy={open?.session.viewer.loading.value ?? true}>
            <div class="slide-view" ref={picture} />
            <div class="navigator" ref={navigator} hidden={!navigatorShown} />
            {open === null ? null : (
              <>
                <BesideView
                  here={open.session.viewer}
                  beside={open.session.beside}
                  look={open.looking.look}
                />
                <Readouts session={open.session} look={open.looking.look.value} />
              </>
            )}
          </div>
          {open !== null && isPanelSeen("objects") ? (
            <ObjectDock
              table={open.objects.table}
              slide={detail.name}
              onClose={() => togglePanel("objects")}
            />
          ) : null}
        </div>
        {open !== null && isPanelSeen("inspector") ? (
          <Inspector {...open} toolPanel={open.tools.Panel} onFigure={() => showFigure(true)} />
        ) : null}
      </div>
      {open !== null && figureShown ? (
        <FigureDialog
          viewer={open.session.viewer}
          layers={open.session.bare.value ? [] : open.session.layers.value}
          look={open.looking.look.value}
          onClose={() => showFigure(false)}
        />
      ) : null}
    </section>
  );
}
