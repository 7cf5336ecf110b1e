import { Choice } from "./index.js";
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
    <Choice
      title={title}
      value={run ?? ""}
      choices={[["", none], ...runs.map(({ id, name }) => [id, name] as const)]}
      onChoose={(id) => onChoose(id === "" ? null : id)}
    />
  );
}
