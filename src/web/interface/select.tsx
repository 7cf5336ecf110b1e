import { useId } from "preact/hooks";

export interface SelectProps<Value extends string> {
  readonly id?: string;
  readonly class?: string;
  readonly value: Value;
  readonly choices: readonly (readonly [value: Value, words: string])[];
  readonly disabled?: boolean;
  readonly "aria-label"?: string;
  readonly "aria-describedby"?: string;
  readonly "aria-invalid"?: boolean;
  onChoose(value: Value): void;
}

/** One of several, in a list that opens. */
export function Select<Value extends string>({ choices, onChoose, ...attributes }: SelectProps<Value>) {
  return (
    <select
      {...attributes}
      onChange={({ currentTarget }) => {
        const chosen = choices.find(([candidate]) => candidate === currentTarget.value);
        if (chosen !== undefined) onChoose(chosen[0]);
      }}
    >
      {choices.map(([candidate, words]) => (
        <option key={candidate} value={candidate}>
          {words}
        </option>
      ))}
    </select>
  );
}

/** One of several, with what is chosen before it. */
export function Choice<Value extends string>({
  title,
  ...select
}: SelectProps<Value> & { readonly title: string }) {
  const id = useId();
  return (
    <div class="choice">
      <label for={id}>{title}</label>
      <Select {...select} id={id} />
    </div>
  );
}
