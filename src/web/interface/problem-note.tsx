import { nameSettings, type Problem, settingWords } from "../../contract/index.js";
import { Icon } from "./icon.js";

/** An error: what happened, where, why, and what to do. */
export function ProblemNote({
  problem,
  quiet = false,
}: {
  readonly problem: Problem;
  readonly quiet?: boolean;
}) {
  const { what, where, why, action } = problem;
  return (
    <div class="problem" {...(quiet ? {} : { role: "alert" })}>
      <Icon name="warning" />
      <div>
        <p class="what">
          {where === null ? null : <strong>{withLabels(where)}: </strong>}
          {sentence(what)}
        </p>
        {why === null ? null : <p>{sentence(why)}</p>}
        {action === null ? null : <p class="action">{sentence(action)}</p>}
      </div>
    </div>
  );
}

const LABELS = new Map<string, string>(
  Object.entries(settingWords).map(([name, { label }]) => [name, label]),
);

/** A message with the settings that it names as the forms call them. */
export function withLabels(message: string): string {
  return nameSettings(message, (setting, value) => {
    const label = LABELS.get(setting) ?? setting;
    return value === null ? `“${label}”` : `“${label}: ${value}”`;
  });
}

function sentence(message: string): string {
  const text = withLabels(message);
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…:]$/.test(begun) ? begun : `${begun}.`;
}
