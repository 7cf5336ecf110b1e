interface SliderProps {
  readonly title: string;
  /** Its name for screen readers, where that says more than the title. */
  readonly name?: string | undefined;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  /** The value in words. */
  readonly text: string;
  /** What screen readers say of the value, where that is more. */
  readonly spoken?: string | undefined;
  onInput(value: number): void;
}

/** A number between two, with what it is in words beside it. */
export function Slider({ title, name, text, spoken = text, onInput, ...range }: SliderProps) {
  return (
    <label class="slider">
      <span>{title}</span>
      <input
        type="range"
        {...range}
        aria-label={name}
        aria-valuetext={spoken}
        onInput={({ currentTarget }) => onInput(Number(currentTarget.value))}
      />
      <output>{text}</output>
    </label>
  );
}
