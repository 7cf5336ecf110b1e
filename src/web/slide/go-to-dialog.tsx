import { useId, useState } from "preact/hooks";
import { announce, Button, Dialog, Select } from "../interface/index.js";
import { type CoordinateUnit, readPlace, type TypedPlace, typedPlace } from "./go-to.js";
import type { SlideSession } from "./session.js";

const UNITS = [
  ["px", "pixels of level 0"],
  ["µm", "µm"],
] as const;

/** Asks for coordinates, and brings them to the middle at the present zoom. */
export function GoToDialog({ session }: { readonly session: SlideSession }) {
  const { viewer, goingTo } = session;
  const { size, micronsPerPixel } = viewer.slide.value;
  const plane = { size: size ?? { width: 0, height: 0 }, micronsPerPixel };
  const [typed, setTyped] = useState<TypedPlace>(() => typedPlace(viewer.view.peek().centre, "px", plane));
  const [errors, setErrors] = useState<{ readonly x?: string; readonly y?: string }>({});
  const close = () => {
    goingTo.value = false;
  };
  const choose = (unit: CoordinateUnit) => {
    const read = readPlace(typed, plane);
    // What is typed already is meant in the unit that stood there.
    setTyped("position" in read ? typedPlace(read.position, unit, plane) : { ...typed, unit });
    setErrors({});
  };
  const go = () => {
    const read = readPlace(typed, plane);
    if ("errors" in read) {
      setErrors(read.errors);
      announce(Object.values(read.errors).join(" "));
      return;
    }
    session.goTo({ ...viewer.view.peek(), centre: read.position });
    announce(`${typed.x}, ${typed.y} ${typed.unit} is in the middle`);
    close();
  };
  return (
    <Dialog title="Go to coordinates" onClose={close}>
      <form
        class="go-to-form"
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        {(["x", "y"] as const).map((axis) => (
          <Coordinate
            key={axis}
            axis={axis}
            value={typed[axis]}
            error={errors[axis]}
            onInput={(value) => setTyped({ ...typed, [axis]: value })}
          />
        ))}
        {micronsPerPixel === null ? (
          <p class="hint">In pixels of level 0: this slide tells no resolution.</p>
        ) : (
          <label class="field">
            <span>In</span>
            <Select value={typed.unit} choices={UNITS} onChoose={choose} />
          </label>
        )}
        <p class="dialog-actions">
          <Button kind="main" type="submit">
            Go
          </Button>
        </p>
      </form>
    </Dialog>
  );
}

interface CoordinateProps {
  readonly axis: "x" | "y";
  readonly value: string;
  readonly error: string | undefined;
  onInput(value: string): void;
}

function Coordinate({ axis, value, error, onInput }: CoordinateProps) {
  const id = useId();
  return (
    <label class="field">
      <span>{axis === "x" ? "X, from the left" : "Y, from the top"}</span>
      <input
        type="text"
        inputMode="decimal"
        autocomplete="off"
        value={value}
        aria-invalid={error !== undefined}
        aria-describedby={id}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
      <span id={id} class={error === undefined ? "hint" : "field-error"}>
        {error ?? ""}
      </span>
    </label>
  );
}
