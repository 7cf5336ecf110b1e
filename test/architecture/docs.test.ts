import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
const textOf = (page: string): string => readFileSync(page, "utf8");

/** What a user who installed the package reads; it has neither sources nor tests. */
const guides = pages.filter((page) => /guide|troubleshooting|formats/.test(page));

/** Anchors of a page's headings, as GitHub and npm make them; without code, whose comments begin with # too. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/^```.*?^```/gms, "").matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("documents", () => {
  it("have each heading once", () => {
    const repeated = pages.flatMap((page) => {
      const anchors = anchorsOf(textOf(page));
      return anchors
        .filter((anchor, index) => anchors.indexOf(anchor) < index)
        .map((anchor) => `${page}#${anchor}`);
    });
    expect(repeated).toEqual([]);
  });

  it("keep the benchmarks to 150 lines, so that figures which others replace go", () => {
    expect(textOf("docs/benchmarks.md").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  });

  it("tell figures without the diary of a machine's load", () => {
    const diary = textOf("docs/benchmarks.md").match(/^.*\bload(?: average)?s? (?:of )?\d.*$/gim) ?? [];
    expect(diary).toEqual([]);
  });

  it("link to what there is", () => {
    const broken = pages.flatMap((page) =>
      [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
        if (/^https?:/.test(link)) return [];
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? page : join(dirname(page), path);
        const isThere =
          existsSync(target) && (anchor === undefined || anchorsOf(textOf(target)).includes(anchor));
        return isThere ? [] : [`${page}: ${link}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it("name files that there are, and what is in them", () => {
    const wrong = pages.flatMap((page) =>
      [
        ...textOf(page).matchAll(
          /`((?:src|test|scripts|bench|assembly)\/[^`\s*]+)`((?:,? `\w+(?:\(\))?`)*)/g,
        ),
      ].flatMap(([, path = "", names = ""]) => {
        if (!existsSync(path)) return [`${page}: ${path}`];
        const words = [...names.matchAll(/\w+/g)].map(([word]) => word);
        return words
          .filter((word) => !new RegExp(`\\b(?:function|class|const) ${word}\\b`).test(textOf(path)))
          .map((word) => `${page}: ${word} is not in ${path}`);
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("send users of the package to nothing that is not in it", () => {
    const beyond = guides.filter((page) => /\b(?:src|scripts|bench|examples|test\/\w+)\//.test(textOf(page)));
    expect(beyond).toEqual([]);
  });

  it("map every room, in the order of imports", () => {
    const rows = [...textOf(join("docs", "architecture.md")).matchAll(/^\| `src\/(\w+)` \|/gm)];
    const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const order =
      textOf(join("test", "architecture", "rooms.test.ts")).match(/const rooms = \[(.*?)\]/s)?.[1] ?? "";
    expect(rows.map(([, room]) => room)).toEqual([...order.matchAll(/\w+/g)].map(([room]) => room));
    expect(rows.map(([, room]) => room).sort()).toEqual(folders.map(({ name }) => name).sort());
  });

  it("say of every dependency why it is there", () => {
    const packages = z.record(z.string(), z.string());
    const manifest = z.object({ dependencies: packages, devDependencies: packages });
    const { dependencies, devDependencies } = manifest.parse(JSON.parse(textOf("package.json")));
    const table = textOf(join("docs", "decisions.md")).split("## Dependencies")[1] ?? "";
    const named = new Set([...table.matchAll(/[@\w][\w./-]*/g)].map(([word]) => word));
    const silent = Object.keys({ ...dependencies, ...devDependencies }).filter(
      (name) => !name.startsWith("@types/") && !named.has(name),
    );
    expect(silent).toEqual([]);
  });
});
