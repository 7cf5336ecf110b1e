import { useEffect, useState } from "preact/hooks";
import type { SlideDetail } from "../../server/contract/index.js";
import { paths, requestJson } from "../api/index.js";
import { ProblemNote, Resource, useResource } from "../interface/index.js";
import { PageHead } from "../shell/page-head.js";
import { workspaceRevision } from "../state/workspace.js";
import { SlideView } from "./slide-view.js";

/** One slide. */
export function SlidePage({ slide }: { readonly slide: string }) {
  const [loaded, again] = useResource(paths.slide(slide), (path, signal) =>
    requestJson<SlideDetail>(path, { signal }),
  );
  const newest = useNewest(slide, loaded.state === "ready" ? loaded.value : null);
  return (
    <Resource loaded={loaded} again={again} what="the slide">
      {(detail) =>
        detail.status.state === "broken" ? (
          <section class="scrolling-page">
            <PageHead title={detail.name} />
            <ProblemNote problem={detail.status.problem} />
          </section>
        ) : (
          <SlideView detail={newest ?? detail} />
        )
      }
    </Resource>
  );
}

/** The slide as it is after jobs gave it new layers; the view stays where it is. */
function useNewest(slide: string, first: SlideDetail | null): SlideDetail | null {
  const [newest, setNewest] = useState<SlideDetail | null>(null);
  const revision = workspaceRevision.value;
  useEffect(() => {
    if (first === null) return undefined;
    const controller = new AbortController();
    requestJson<SlideDetail>(paths.slide(slide), { signal: controller.signal }).then(
      setNewest,
      (cause: unknown) => {
        // What is shown stays; the next change asks again.
        if (!controller.signal.aborted) console.info(cause);
      },
    );
    return () => controller.abort();
  }, [slide, first, revision]);
  return newest;
}
