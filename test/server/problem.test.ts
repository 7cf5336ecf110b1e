import { describe, expect, it } from "vitest";
import { EpSamError, type ErrorTag } from "../../src/common/index.js";
import { problemOf, problemResponse, problemText } from "../../src/server/problem.js";

const STATUSES: readonly (readonly [ErrorTag, number])[] = [
  ["usage", 400],
  ["forbidden", 403],
  ["not-found", 404],
  ["conflict", 409],
  ["too-large", 413],
  ["slide", 422],
  ["annotation", 422],
  ["busy", 503],
  ["storage", 507],
  ["internal", 500],
];

describe("problems", () => {
  it.each(STATUSES)("of the kind %s have the status %i", async (tag, status) => {
    const answer = problemResponse(
      new EpSamError(tag, { what: "is wrong", where: "a", why: "b", action: "c." }),
    );
    expect(answer.status).toBe(status);
    const problem = { tag, what: "is wrong", where: "a", why: "b", action: "c." };
    expect(await answer.json()).toEqual({ problem });
    expect(answer.headers.get("Retry-After")).toBe(tag === "busy" ? "1" : null);
  });

  it("that nobody expected tell nothing of their message", async () => {
    const answer = problemResponse(new Error("secret of /data/slides"));
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toMatch(/secret|slides/);
  });

  it.each([
    ["/data/My Slides/case 1/a b.svs", "a b.svs"],
    ["C:\\Slides\\a.svs", "a.svs"],
    ["slides/a.svs", "a.svs"],
    ["query.limit", "query.limit"],
  ])("tell of the place %s only %s", (where, told) => {
    expect(problemOf(new EpSamError("slide", { what: "x", where })).where).toBe(told);
  });

  it.each([
    [
      "ENOENT: no such file or directory, open '/data/My Slides/a.svs'",
      "ENOENT: no such file or directory, open 'a.svs'",
    ],
    ["tried /data/slides/a.svs and /data/b.svs", "tried a.svs and b.svs"],
    ["/home/me/x.tif and slides/y.tif", "x.tif and slides/y.tif"],
    ["3/4 of 1/2, and/or no path", "3/4 of 1/2, and/or no path"],
    ["`vips tiffsave IN OUT.tif --tile`", "`vips tiffsave IN OUT.tif --tile`"],
  ])("tell no folders: %s", (why, told) => {
    expect(problemOf(new EpSamError("slide", { what: "x", why })).why).toBe(told);
  });

  it("fit in a sentence", () => {
    const failure = new EpSamError("slide", {
      what: "is damaged",
      where: "/x/a.svs",
      why: "no end",
      action: "Copy it.",
    });
    expect(problemText(failure)).toBe("a.svs: is damaged (no end). Copy it.");
    expect(problemText(new EpSamError("slide", { what: "is damaged" }))).toBe("is damaged.");
  });
});
