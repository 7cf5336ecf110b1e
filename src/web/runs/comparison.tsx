import type { RunComparison } from "../../server/contract/index.js";
import { withSeparators } from "../viewer/index.js";

/** Figures before and after a re-training, with the difference and its interval. */
export function Comparison({ comparison }: { readonly comparison: RunComparison }) {
  const { before, after, patches, figures } = comparison;
  return (
    <div class="panel">
      <table class="figures comparison">
        <caption>
          On the same {withSeparators(patches)} patches; differences with their 95 % interval.
        </caption>
        <thead>
          <tr>
            <th scope="col">Figure</th>
            <th scope="col">Before: {before}</th>
            <th scope="col">After: {after}</th>
            <th scope="col">Difference</th>
          </tr>
        </thead>
        <tbody>
          {figures.map(({ name, before: was, after: is, difference }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{figure(was)}</td>
              <td>{figure(is)}</td>
              <td>
                {difference === null
                  ? "—"
                  : `${signed(difference.value)} (${signed(difference.low)} to ${signed(difference.high)})`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function figure(value: number | null): string {
  return value === null ? "—" : value.toFixed(3);
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}
