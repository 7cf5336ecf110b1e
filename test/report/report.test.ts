import { beforeAll, describe, expect, it } from "vitest";
import { CONTENT_SECURITY_POLICY, type ReportData, renderReport } from "../../src/report/index.js";
import { madeUpRun } from "./made-up-run.js";

const VOID_ELEMENTS = new Set(["meta", "img"]);

/** Names of elements opened and never closed, or closed out of order. */
function nestingErrors(page: string): string[] {
  const open: string[] = [];
  const errors: string[] = [];
  for (const [, slash, name = "", selfClosing] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g)) {
    if (slash === "" && selfClosing === "" && !VOID_ELEMENTS.has(name)) open.push(name);
    if (slash === "/" && open.pop() !== name) errors.push(name);
  }
  return [...errors, ...open];
}

function section(page: string, id: string): string {
  const start = page.indexOf(`<section id="${id}">`);
  return page.slice(start, page.indexOf("</section>", start));
}

let data: ReportData;
let page: string;

beforeAll(async () => {
  data = await madeUpRun();
  page = renderReport(data);
});

describe("the page", () => {
  it("is one well-nested document with one heading per section", () => {
    expect(page.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    expect(nestingErrors(page)).toEqual([]);
    expect(page.match(/<h1/g)).toHaveLength(1);
    expect(page.match(/<section id=/g)).toHaveLength(8);
    expect(page.match(/<h2/g)).toHaveLength(8);
    for (const [, id] of page.matchAll(/href="#([a-z]+)"/g)) expect(page).toContain(`<section id="${id}">`);
  });

  it("declares the policy and loads nothing from elsewhere", () => {
    expect(page).toContain(`content="${CONTENT_SECURITY_POLICY}"`);
    expect(page).not.toMatch(/<script|<link|<iframe|\son[a-z]+=|url\(|@import|https?:/i);
    for (const [, source = ""] of page.matchAll(/src="([^"]*)"/g)) expect(source).toMatch(/^data:image\//);
  });

  it("gives every picture and drawing a text and every table headers", () => {
    for (const [image] of page.matchAll(/<img[^>]*>/g)) expect(image).toMatch(/ alt="[^"]+"/);
    for (const [drawing] of page.matchAll(/<svg[^>]*>/g))
      expect(drawing).toMatch(/aria-label="[^"]+"|aria-hidden="true"/);
    const tables = page.match(/<table[\s\S]*?<\/table>/g) ?? [];
    expect(tables.length).toBeGreaterThan(5);
    for (const table of tables) {
      expect(table).toMatch(/<caption>|<table [^>]*aria-label="[^"]+"/);
      expect(table).toContain('scope="col"');
      expect(table).toContain('scope="row"');
    }
  });

  it("renders the same data to the same bytes", () => {
    expect(renderReport(data)).toBe(page);
  });
});

describe("the stage table", () => {
  it("shows values, intervals, the change to the previous measured stage and the best of a column", () => {
    const stages = section(page, "stages");
    const round1 = /<th scope="row">Round 1<\/th>(<td[\s\S]*?)<\/tr>/.exec(stages)?.[1] ?? "";
    expect(round1).toContain("[0.749, 0.813]");
    expect(round1).toContain("▲</span> +0.039");
    expect(round1.split("</td>")[0]).toContain("best of the column");
    const round2 = /<th scope="row">Round 2<\/th>(<td[\s\S]*?)<\/tr>/.exec(stages)?.[1] ?? "";
    expect(round2.split("</td>")[0]).not.toContain("best of the column");
    expect(round2).toContain("▼</span> −0.005");
  });

  it("takes a smaller false-positive area as better", () => {
    const preliminary =
      /<th scope="row">Preliminary<\/th>(<td[\s\S]*?)<\/tr>/.exec(section(page, "stages"))?.[1] ?? "";
    const cell = preliminary.split("</td>").at(8) ?? "";
    expect(cell).toContain("▲</span> −0.008");
    expect(cell).toContain("(better)");
  });

  it("compares with the last stage that has the figure, and never calls a lone value best", () => {
    const estimate = (value: number) => ({ value, low: value - 0.1, high: value + 0.1 });
    const rows = [
      { stage: "A", metrics: { dice: estimate(0.5), recall: estimate(0.4) } },
      { stage: "B", missing: "killed" },
      { stage: "C", metrics: { dice: estimate(0.75) } },
    ];
    const stages = section(renderReport({ ...data, stageTable: { ...data.stageTable, rows } }), "stages");
    expect(stages).toContain("▲</span> +0.250");
    expect(stages).toContain(">killed</td>");
    expect(stages.match(/best of the column/g)).toHaveLength(1);
    expect(stages.match(/<td class="missing">not measured<\/td>/g)?.length).toBe(7 + 8);
  });
});

describe("charts", () => {
  it("draws as many bars as there are occupied bins and counts every value once", () => {
    const values = [0, 0.05, 0.051, 0.9, 0.95, 1];
    const scoreDistributions = [{ title: "IDS", xLabel: "IDS score", groups: [{ name: "all", values }] }];
    const scores = section(renderReport({ ...data, scoreDistributions }), "scores");
    const drawing = /<svg viewBox="0 0 380 250"[\s\S]*?<\/svg>/.exec(scores)?.[0] ?? "";
    expect(drawing.match(/class="bar/g)).toHaveLength(4);
    const counts = [...scores.matchAll(/<td>(\d+)<\/td><\/tr>/g)].map((match) => Number(match[1]));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
    expect([counts[0], counts[1], counts[18], counts[19]]).toEqual([1, 2, 1, 2]);
  });

  it("interrupts a line at a value that is not finite and says so", () => {
    const values = [1, 0.5, Number.NaN, 0.25, 0.2];
    const points = values.map((value, index) => ({ epoch: index + 1, value }));
    const curves = [{ title: "Loss", yLabel: "loss", series: [{ name: "training", points }] }];
    const training = section(renderReport({ ...data, curves }), "curves");
    const path = / d="([^"]*)"/.exec(training)?.[1] ?? "";
    expect(path.match(/M/g)).toHaveLength(2);
    expect(path).not.toContain("NaN");
    expect(training).toContain("(1 in all)");
    expect(training).toContain("<td>not finite</td>");
  });

  it("draws later epochs further right and larger values further up", () => {
    const points = [
      { epoch: 1, value: 2 },
      { epoch: 2, value: 1 },
    ];
    const curves = [{ title: "Loss", yLabel: "loss", series: [{ name: "training", points }] }];
    const path = / d="M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)"/.exec(renderReport({ ...data, curves }));
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = (path ?? []).slice(1).map(Number);
    expect(x2).toBeGreaterThan(x1);
    expect(y2).toBeGreaterThan(y1);
  });

  it("marks the epoch whose weights were kept", () => {
    expect(section(page, "curves")).toContain("kept: epoch 22");
  });
});

describe("what fine-tuning gains", () => {
  it("is marked only where the interval leaves out zero", () => {
    const table = /<table class="numbers"><caption>What fine-tuning gains[\s\S]*?<\/table>/.exec(page);
    const gains = table?.[0] ?? "";
    expect(gains).toContain('+0.166 [+0.021, +0.302] <span class="change better">');
    expect(gains).toContain('−0.050 [−0.090, −0.010] <span class="change worse">');
    expect(gains).toContain("<td>+0.012 [−0.030, +0.050]</td>");
    expect(gains).toContain("not defined");
  });
});

describe("what is missing", () => {
  it("is stated in every section of an empty run", () => {
    const empty = renderReport({
      ...data,
      run: { ...data.run, weights: [] },
      dataset: { ...data.dataset, micronsPerPixel: undefined, splits: [] },
      curves: [],
      stageTable: {
        ...data.stageTable,
        rows: [],
        comparisons: [],
        missing: "The test split has no pixel masks.",
      },
      scoreDistributions: [],
      selection: [],
      gallery: { description: "", entries: [] },
      notes: [],
      warnings: [],
    });
    expect(nestingErrors(empty)).toEqual([]);
    expect(empty).not.toMatch(/undefined|NaN|null/);
    for (const id of ["stages", "curves", "scores", "gallery", "data", "provenance"]) {
      expect(section(empty, id), id).toContain('class="missing"');
    }
    expect(section(empty, "stages")).toContain("The test split has no pixel masks.");
    expect(section(empty, "overview")).toContain("not measured");
    expect(section(empty, "overview")).toContain("No warnings were raised");
    expect(section(empty, "data")).toContain("microns per pixel not known");
  });

  it("keeps the place of a panel without a picture", () => {
    expect(section(page, "gallery")).toContain('<div class="absent"><span>no ground truth</span></div>');
  });
});

describe("hostile text", () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>\`\u0000\u0007</style></title>`;

  it("is shown as text wherever it comes in", () => {
    const poisoned = poison(data, hostile);
    const result = renderReport(poisoned);
    expect(nestingErrors(result)).toEqual([]);
    expect(result).not.toMatch(/<script|<img src=x|onerror='/);
    for (const control of ["\u0000", "\u0007"]) expect(result).not.toContain(control);
    expect(result.match(/&lt;script&gt;alert\(1\)/g)?.length).toBeGreaterThan(40);
    expect(result.match(/<\/style>/g)).toHaveLength(1);
  });

  it("cannot make the page load a picture from elsewhere", () => {
    for (const dataUri of [
      "https://example.org/x.png",
      "data:text/html;base64,PGI+",
      'data:image/png;base64,A"x',
    ]) {
      const entry = {
        id: "patch-7",
        label: "positive",
        panels: [{ caption: "Image", dataUri, alt: "x" }],
      };
      const gallery = { description: "", entries: [entry] };
      expect(() => renderReport({ ...data, gallery })).toThrow(/patch-7: the picture "Image"/);
    }
  });
});

/** Puts `text` in the place of every string but embedded pictures. */
function poison<T>(value: T, text: string): T {
  const replace = (inner: unknown): unknown => {
    if (typeof inner === "string") return inner.startsWith("data:") ? inner : text;
    if (Array.isArray(inner)) return inner.map(replace);
    if (typeof inner !== "object" || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, replace(item)]));
  };
  return replace(value) as T;
}
