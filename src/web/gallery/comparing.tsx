import { useEffect } from "preact/hooks";
import type { ComparingProgress } from "../../contract/index.js";
import { withSeparators } from "../viewer/index.js";

/** Milliseconds until the server is asked how far it is. */
const INTERVAL = 1000;

interface ComparingProps {
  /** Null when nothing is being compared. */
  readonly progress: ComparingProgress | null;
  again(): void;
}

/** How far the masks are compared that an order or a limit needs; asks again until they are. */
export function Comparing({ progress, again }: ComparingProps) {
  useEffect(() => {
    if (progress === null) return undefined;
    const timer = setTimeout(again, INTERVAL);
    return () => clearTimeout(timer);
  }, [progress, again]);
  if (progress === null) return null;
  const { done, total } = progress;
  return (
    <div class="comparing" role="status">
      <progress aria-label="Masks compared" value={done} max={total} />
      <p class="hint">
        Masks are being compared, {withSeparators(done)} of {withSeparators(total)}: the order is of those
        that are, and patches will move.
      </p>
    </div>
  );
}
