export interface RunChoiceProps {
  readonly title: string;
  /** What is chosen where no run is. */
  readonly none: string;
  readonly runs: readonly { readonly id: string; readonly name: string }[];
  readonly run: string | null;
  readonly onChoose: (run: string | null) => void;
}

/** A list to choose a run from, or none. */
export function RunChoice({ title, none, runs, run, onChoose }: RunChoiceProps) {
  return (
    <label class="choice">
      <span>{title}</span>
      <select
        value={run ?? ""}
        onChange={({ currentTarget: { value } }) => onChoose(value === "" ? null : value)}
      >
        <option value="">{none}</option>
        {runs.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
