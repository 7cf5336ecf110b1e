import { describe, expect, it } from "vitest";
import { isEpSamError, silentReporter } from "../../src/common/index.js";
import { accessRules, localAccess } from "../../src/server/access.js";
import { createApp } from "../../src/server/app.js";
import { createServerContext } from "../../src/server/context.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const directory = temporaryDirectory();
const TOKEN = "correct-horse-battery-staple";

function app(access = localAccess) {
  const context = createServerContext({
    stateDirectory: directory.path("state"),
    signal: new AbortController().signal,
    reporter: silentReporter,
  });
  return createApp(context, { access });
}

function statusOf(
  headers: Record<string, string>,
  init: RequestInit = {},
  address = "http://localhost:8765",
) {
  return Promise.resolve(app().request(`${address}/api/workspace`, { ...init, headers })).then(
    ({ status }) => status,
  );
}

describe("Host", () => {
  it.each([
    ["http://localhost:8765", 200],
    ["http://127.0.0.1:8765", 200],
    ["http://[::1]:8765", 200],
    // Through an SSH tunnel the port is another one.
    ["http://localhost:9000", 200],
    ["http://rebound.example:8765", 403],
    ["http://localhost.example:8765", 403],
    ["http://192.168.1.7:8765", 403],
  ])("%s is answered with %i", async (address, status) => {
    expect((await app().request(`${address}/api/workspace`)).status).toBe(status);
  });

  it("must be the one of the header, too", async () => {
    expect(await statusOf({ Host: "rebound.example:8765" })).toBe(403);
    expect(await statusOf({ Host: "localhost:8765" })).toBe(200);
  });

  it("may be any address where the server is bound to all of them, never a foreign name", async () => {
    const everywhere = app(accessRules("0.0.0.0", TOKEN));
    const headers = { Authorization: "Bearer wrong" };
    expect((await everywhere.request("http://192.168.1.7/api/workspace", { headers })).status).toBe(401);
    expect((await everywhere.request("http://rebound.example/api/workspace", { headers })).status).toBe(403);
  });
});

describe("Origin", () => {
  it("refuses other sites' pages, for reading and writing alike", async () => {
    expect(await statusOf({ Origin: "http://localhost:8765" })).toBe(200);
    expect(await statusOf({ Origin: "https://elsewhere.example" })).toBe(403);
    expect(await statusOf({ Origin: "http://localhost:3000" })).toBe(403);
    expect(await statusOf({ Origin: "null" })).toBe(403);
    expect(await statusOf({ Origin: "https://elsewhere.example" }, { method: "POST" })).toBe(403);
  });

  it("refuses pictures and requests that other sites embed, where browsers send no Origin", async () => {
    expect(await statusOf({ "Sec-Fetch-Site": "same-origin" })).toBe(200);
    expect(await statusOf({ "Sec-Fetch-Site": "none" })).toBe(200);
    expect(await statusOf({ "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" })).toBe(403);
    // Another server on this machine.
    expect(await statusOf({ "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors" })).toBe(403);
  });

  it("lets links from elsewhere open the page, but neither frame it nor send forms to it", async () => {
    const navigation = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" };
    expect(await statusOf({ ...navigation, "Sec-Fetch-Dest": "document" })).toBe(200);
    expect(await statusOf({ ...navigation, "Sec-Fetch-Dest": "iframe" })).toBe(403);
    expect(await statusOf({ ...navigation, "Sec-Fetch-Dest": "document" }, { method: "POST" })).toBe(403);
  });
});

describe("the token", () => {
  const guarded = () => app(accessRules("0.0.0.0", TOKEN));
  const address = "http://10.0.0.5:8765";

  it("is required for every address but this machine's own, and must not be short", () => {
    for (const host of ["0.0.0.0", "::", "10.0.0.5", "workstation"]) {
      expect(() => accessRules(host, null)).toThrowError(/can be reached from other machines/);
    }
    for (const host of ["127.0.0.1", "127.0.0.2", "localhost", "::1"]) {
      expect(accessRules(host, null).token).toBeNull();
    }
    for (const weak of ["short", "", "with a space in its middle"]) {
      expect(() => accessRules("0.0.0.0", weak)).toThrowError(/at least 16/);
    }
    try {
      accessRules("0.0.0.0", null);
    } catch (failure) {
      expect(isEpSamError(failure, "usage")).toBe(true);
    }
  });

  it("is asked for without and with a wrong one", async () => {
    for (const headers of [{}, { Authorization: "Bearer wrong" }, { Cookie: "epsam-0=wrong" }]) {
      const answer = await guarded().request(`${address}/api/workspace`, { headers });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("WWW-Authenticate")).toBe("Bearer");
      expect(await answer.json()).toMatchObject({ problem: { tag: "forbidden" } });
    }
    expect((await guarded().request(`${address}/?token=wrong`)).status).toBe(401);
  });

  it("goes from the address into a cookie that scripts cannot read, and works from there", async () => {
    const server = guarded();
    const answer = await server.request(`${address}/?token=${encodeURIComponent(TOKEN)}&slide=1`);
    expect(answer.status).toBe(303);
    expect(answer.headers.get("Location")).toBe("/?slide=1");
    const cookie = answer.headers.get("Set-Cookie") ?? "";
    expect(cookie).toMatch(/; HttpOnly/i);
    expect(cookie).toMatch(/; SameSite=Lax/i);
    const headers = { Cookie: cookie.split(";")[0] ?? "" };
    expect((await server.request(`${address}/api/workspace`, { headers })).status).toBe(200);
  });

  it("works as a header for programs", async () => {
    const server = app(accessRules("10.0.0.5", TOKEN));
    const headers = { Authorization: `Bearer ${TOKEN}` };
    expect((await server.request(`${address}/api/workspace`, { headers })).status).toBe(200);
  });
});
