import { afterEach, describe, expect, it, vi } from "vitest";
import { eventSchemas, jobsSchema, workspaceSchema } from "../../src/contract/index.js";
import { readAnswer, requestJson, ServerProblem } from "../../src/web/api/client.js";

function problemIn(read: () => unknown): ServerProblem {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof ServerProblem) return thrown;
    throw thrown;
  }
  throw new Error("it was accepted");
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("what the server answers", () => {
  it("is read when it is what the contract says, and members that are not known are left out", () => {
    const workspace = { version: "1", slides: [], datasets: [], runs: [], folders: [] };
    expect(readAnswer(workspaceSchema, JSON.stringify({ ...workspace, more: 1 }), "api/workspace")).toEqual(
      workspace,
    );
  });

  it.each([
    ["no JSON", "<html>"],
    ["something else", "[]"],
    ["a member of another kind", '{"version":"1","slides":[{"id":7}],"datasets":[],"runs":[]}'],
  ])("is refused as another version's when it is %s", (_, text) => {
    const { problem } = problemIn(() => readAnswer(workspaceSchema, text, "api/workspace"));
    expect(problem).toMatchObject({
      what: "the server answers as another version of EP-SAM does",
      where: "api/workspace",
      action: expect.stringContaining("Reload the page"),
    });
  });

  it("names the member that is not as expected", () => {
    const text = '{"version":"1","slides":[{"id":7}],"datasets":[],"runs":[]}';
    const { problem } = problemIn(() => readAnswer(workspaceSchema, text, "api/workspace"));
    expect(problem.why).toContain("slides.0.id");
  });

  it("is held against the contract by every request and event", async () => {
    vi.stubGlobal("fetch", async () => new Response('[{"id":"a"}]'));
    await expect(requestJson(jobsSchema, "api/jobs")).rejects.toThrow(/another version/);
    expect(() => readAnswer(eventSchemas.annotations, '{"slide":"s"}', "api/events")).toThrow(/version/);
  });

  it("is its own problem where it refuses", async () => {
    const problem = { tag: "usage", what: "no", where: null, why: null, action: null };
    vi.stubGlobal("fetch", async () => Response.json({ problem }, { status: 400 }));
    await expect(requestJson(jobsSchema, "api/jobs")).rejects.toMatchObject({ status: 400, problem });
  });
});
