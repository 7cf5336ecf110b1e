import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { webFetch } from "../../src/common/index.js";

const site = createServer((_, response) => response.end("content"));
const tunnels: string[] = [];
const proxy = createServer().on("connect", (request, client) => {
  tunnels.push(request.url ?? "");
  const { port } = site.address() as AddressInfo;
  const upstream = connect(port, "127.0.0.1", () => {
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    upstream.pipe(client).pipe(upstream);
  });
  client.on("error", () => upstream.destroy());
});

beforeAll(async () => {
  for (const server of [site, proxy]) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }
  vi.stubEnv("http_proxy", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  vi.stubEnv("no_proxy", "127.0.0.1");
});
afterAll(() => {
  vi.unstubAllEnvs();
  for (const server of [site, proxy]) {
    server.closeAllConnections();
    server.close();
  }
});

describe("requests to servers", () => {
  it("go through the proxy that the environment names, apart from those that it excepts, without a warning", async () => {
    const warned = vi.spyOn(process, "emitWarning");
    expect(await (await webFetch("http://slides.example/a.tif", {})).text()).toBe("content");
    expect(tunnels).toEqual(["slides.example:80"]);
    const { port } = site.address() as AddressInfo;
    expect(await (await webFetch(`http://127.0.0.1:${port}/`, {})).text()).toBe("content");
    expect(tunnels).toHaveLength(1);
    expect(warned).not.toHaveBeenCalled();
  });
});
