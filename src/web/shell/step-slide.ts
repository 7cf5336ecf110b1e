import { slideRoute } from "../routing/hash-link.js";
import { navigate, route } from "../routing/location.js";
import { workspace } from "../state/workspace.js";

/** Opens the next slide of the list that can be opened, or an earlier one. */
export function stepSlide(step: 1 | -1): void {
  if (workspace.value.state !== "ready") return;
  const slides = workspace.value.value.slides.filter(({ status }) => status.state === "ready");
  const at = route.value;
  const current = at.page === "slide" ? slides.findIndex(({ id }) => id === at.slide) : -1;
  const next = current === -1 ? slides.at(step === 1 ? 0 : -1) : slides[current + step];
  if (next !== undefined) navigate(slideRoute(next.id));
}
