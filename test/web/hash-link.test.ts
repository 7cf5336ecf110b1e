import { describe, expect, it } from "vitest";
import {
  formatRoute,
  jobsRoute,
  parseRoute,
  type Route,
  slideRoute,
} from "../../src/web/routing/hash-link.js";

const slide: Route = {
  page: "slide",
  slide: "a/b c",
  view: { centre: [1234.5, -6.5], zoom: 0.12345, rotation: 90 },
  layers: [
    { id: "one:two", opacity: 0.35, map: "viridis" },
    { id: "three", opacity: 1, map: "tint-outline" },
  ],
  grid: "set & more",
  beside: {
    slide: "other",
    layers: [
      { id: "three", opacity: 0.5, map: "outline" },
      { id: "four", opacity: 1, map: "viridis" },
    ],
    curtain: 0.25,
    alignment: { scale: 1.25, turn: -3, x: 12.5, y: -7 },
    released: { centre: [5, 6], zoom: 2, rotation: 270 },
  },
};
const beside = { slide: "s", layers: [], curtain: null, alignment: null, released: null };

describe("links", () => {
  it.each<[string, Route]>([
    ["the beginning", { page: "home" }],
    ["a slide with everything", slide],
    ["a slide beside itself", { ...slideRoute("s"), beside }],
    ["a slide without its layers", { ...slideRoute("x"), layers: [] }],
    ["a slide as the page sees fit", slideRoute("x")],
    [
      "a gallery",
      {
        page: "dataset",
        dataset: "d",
        query: {
          split: "val",
          label: 0,
          run: "r",
          idsBelow: 0.9,
          disagreementAbove: 0,
          sort: "ids-score",
          offset: 120,
        },
      },
    ],
    ["a run's tab", { page: "run", run: "r", tab: "uncertain" }],
    ["a form", jobsRoute("infer", { run: "r", slide: "s" })],
    ["the jobs", jobsRoute()],
  ])("bring back %s", (_, route) => {
    expect(parseRoute(formatRoute(route))).toEqual(route);
  });

  it("can be read by people", () => {
    expect(formatRoute({ ...slide, slide: "s", grid: null, beside })).toBe(
      "#/slides/s?at=1234.5,-6.5&zoom=0.12345&turn=90&layer=one:two:0.35:viridis&layer=three:1:tint-outline&with=s",
    );
  });

  it("leave out what makes no sense", () => {
    expect(parseRoute("#/slides/s?at=1,NaN&zoom=2")).toEqual(slideRoute("s"));
    expect(parseRoute("#/slides/s?at=1,2&zoom=-2")).toEqual(slideRoute("s"));
    expect(parseRoute("#/slides/s?layer=x:7:viridis&layer=y:0.5:rainbow")).toEqual({
      ...slideRoute("s"),
      layers: [],
    });
    expect(parseRoute("#/slides/s?with=t&curtain=2&align=0,1,2,3&with-at=1")).toEqual({
      ...slideRoute("s"),
      beside: { ...beside, slide: "t" },
    });
    expect(parseRoute("#/datasets/d?split=all&label=2&sort=size&offset=-4")).toEqual(
      parseRoute("#/datasets/d"),
    );
    expect(parseRoute("#/elsewhere/%E0%A4%A")).toEqual({ page: "home" });
    expect(parseRoute("")).toEqual({ page: "home" });
  });

  it("turn any rotation into 0 to 360 degrees", () => {
    const route = parseRoute("#/slides/s?at=1,2&zoom=1&turn=-90");
    expect(route.page === "slide" ? route.view?.rotation : null).toBe(270);
  });
});
