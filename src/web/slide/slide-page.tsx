import { slideDetailSchema } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { ProblemNote, Resource, useResource } from "../interface/index.js";
import { PageHead } from "../shell/page-head.js";
import { workspaceRevision } from "../state/workspace.js";
import { SlideView } from "./slide-view.js";

export function SlidePage({ slide }: { readonly slide: string }) {
  // Jobs give a slide new layers; the view stays where it is.
  const [loaded, again] = useResource(slideDetailSchema, paths.slide(slide), workspaceRevision.value);
  return (
    <Resource loaded={loaded} again={again} what="the slide">
      {(detail) =>
        detail.status.state === "broken" ? (
          <section class="scrolling-page">
            <PageHead title={detail.name} />
            <ProblemNote problem={detail.status.problem} />
          </section>
        ) : (
          <SlideView detail={detail} />
        )
      }
    </Resource>
  );
}
