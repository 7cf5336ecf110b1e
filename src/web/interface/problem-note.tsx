import type { Problem } from "../../contract/index.js";
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
          {where === null ? null : <strong>{where}: </strong>}
          {sentence(what)}
        </p>
        {why === null ? null : <p>{sentence(why)}</p>}
        {action === null ? null : <p class="action">{sentence(action)}</p>}
      </div>
    </div>
  );
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…:]$/.test(begun) ? begun : `${begun}.`;
}
