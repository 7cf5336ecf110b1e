import type { SlideEntry } from "../../contract/index.js";
import { Choice } from "../interface/index.js";
import { withSeparators } from "../viewer/index.js";
import {
  allSlides,
  isFiltered,
  kindOf,
  listedSlides,
  type SlideQuery,
  slideGroups,
  slideOrders,
  slideQuery,
  slideTraits,
  TRAIT_TITLES,
} from "./slide-list.js";

const ORDER_TITLES = {
  given: "as given",
  name: "by name",
  largest: "largest first",
  annotations: "most annotations first",
} as const;
const GROUP_TITLES = {
  none: "none",
  kind: "by kind",
  annotated: "by annotations",
  reviewed: "by review",
  results: "by results",
} as const;
const TRAIT_NAMES = { annotated: "Annotations", reviewed: "Review", results: "Results" } as const;

/** Chooses which slides are listed, and how. */
export function SlideFilter({ slides }: { readonly slides: readonly SlideEntry[] }) {
  const query = slideQuery.value;
  const change = (changed: Partial<SlideQuery>) => {
    slideQuery.value = { ...query, ...changed };
  };
  const kinds = [...new Set(slides.map(kindOf))].sort();
  return (
    <search class="slide-filter">
      <input
        type="search"
        class="filter"
        placeholder="Filter by name"
        aria-label="Filter slides by name"
        value={query.name}
        onInput={({ currentTarget }) => change({ name: currentTarget.value })}
      />
      <details>
        <summary>Filter, sort and group</summary>
        <div class="filter-fields">
          <Choice
            title="Kind"
            value={query.kind}
            choices={[["", "any"], ...kinds.map((kind) => [kind, kind] as const)]}
            onChoose={(kind) => change({ kind })}
          />
          {slideTraits.map((trait) => (
            <Choice
              key={trait}
              title={TRAIT_NAMES[trait]}
              value={query[trait]}
              choices={[
                ["any", "any"],
                ["yes", TRAIT_TITLES[trait][0]],
                ["no", TRAIT_TITLES[trait][1]],
              ]}
              onChoose={(value) => change({ [trait]: value })}
            />
          ))}
          <Choice
            title="Order"
            value={query.order}
            choices={slideOrders.map((order) => [order, ORDER_TITLES[order]] as const)}
            onChoose={(order) => change({ order })}
          />
          <Choice
            title="Groups"
            value={query.group}
            choices={slideGroups.map((group) => [group, GROUP_TITLES[group]] as const)}
            onChoose={(group) => change({ group })}
          />
        </div>
      </details>
      <FilterNote of={slides.length} />
    </search>
  );
}

/** How many slides are listed, while some are not. */
export function FilterNote({ of }: { readonly of: number }) {
  const shown = listedSlides.value.reduce((sum, { slides }) => sum + slides.length, 0);
  return (
    <p class="filter-note" role="status">
      {isFiltered(slideQuery.value) ? (
        <>
          {`${withSeparators(shown)} of ${withSeparators(of)} slides `}
          <button
            type="button"
            class="text-button"
            onClick={() => {
              const { order, group } = slideQuery.value;
              slideQuery.value = { ...allSlides, order, group };
            }}
          >
            Show all
          </button>
        </>
      ) : null}
    </p>
  );
}
