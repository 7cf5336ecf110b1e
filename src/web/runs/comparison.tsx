import { signed } from "../../common/portable.js";
import type { RunComparison } from "../../contract/index.js";
import { withSeparators } from "../viewer/index.js";
import { figureWords, inOrder, summaryOf, type Verdict, verdictOf } from "./figures.js";

const VERDICTS: Readonly<Record<Verdict, string>> = {
  better: "▲ better",
  worse: "▼ worse",
  unclear: "unclear",
};

/** Figures before and after a re-training, with the difference, its interval and what that shows. */
export function Comparison({ comparison }: { readonly comparison: RunComparison }) {
  const { before, after, patches, figures } = comparison;
  return (
    <div class="panel">
      <p class="comparison-summary">{summaryOf(figures)}</p>
      <table class="figures comparison">
        <caption>
          On the same {withSeparators(patches)} patches of the test split; differences with their 95&nbsp;%
          interval over resampled patients.
        </caption>
        <thead>
          <tr>
            <th scope="col">Figure</th>
            <th scope="col">
              Before <small>{before}</small>
            </th>
            <th scope="col">
              After <small>{after}</small>
            </th>
            <th scope="col">Difference</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          {inOrder(figures).map((entry) => {
            const { name, before: was, after: is, difference } = entry;
            const { title, meaning } = figureWords(name);
            const verdict = verdictOf(entry);
            return (
              <tr key={name}>
                <th scope="row">
                  {title}
                  <small>{meaning}</small>
                </th>
                <td>{figure(was)}</td>
                <td>{figure(is)}</td>
                <td>
                  {difference === null ? (
                    "—"
                  ) : (
                    <>
                      {signed(difference.value, "−")}
                      <small>
                        {signed(difference.low, "−")} to {signed(difference.high, "−")}
                      </small>
                    </>
                  )}
                </td>
                <td class={`verdict ${verdict}`}>{VERDICTS[verdict]}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function figure(value: number | null): string {
  return value === null ? "—" : value.toFixed(3);
}
