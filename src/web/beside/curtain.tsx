import type { Signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Beside } from "../routing/hash-link.js";

interface CurtainProps {
  readonly beside: Signal<Beside | null>;
  /** Names of what is left of it, and right of it. */
  readonly here: string;
  readonly there: string;
}

/** How far the keys move it, in percent. */
const STEP = 1;
const FAR = 10;

/** The line between what lies left and right of it: dragged, or moved with the arrow keys. */
export function Curtain({ beside, here, there }: CurtainProps) {
  const held = useRef(false);
  const percent = Math.round((beside.value?.curtain ?? 0) * 100);
  const move = (to: number) => {
    const { value } = beside;
    if (value !== null) beside.value = { ...value, curtain: Math.min(1, Math.max(0, to)) };
  };
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: percent - STEP,
    ArrowDown: percent - STEP,
    ArrowRight: percent + STEP,
    ArrowUp: percent + STEP,
    PageDown: percent - FAR,
    PageUp: percent + FAR,
    Home: 0,
    End: 100,
  };
  return (
    <div
      class="curtain"
      role="slider"
      tabIndex={0}
      aria-label="Curtain"
      aria-orientation="horizontal"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={`${percent} %: ${here} on the left, ${there} on the right`}
      style={{ left: `${percent}%` }}
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.focus();
        event.currentTarget.setPointerCapture(event.pointerId);
        held.current = true;
      }}
      onPointerMove={({ currentTarget, clientX }) => {
        const stage = currentTarget.parentElement?.getBoundingClientRect();
        if (held.current && stage !== undefined) move((clientX - stage.left) / stage.width);
      }}
      onLostPointerCapture={() => {
        held.current = false;
      }}
      onKeyDown={(event) => {
        const to = steps[event.key];
        if (to === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        move(to / 100);
      }}
    />
  );
}
