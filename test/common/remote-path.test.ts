import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import {
  addressOf,
  commandEnvironment,
  isRemotePath,
  remotePath,
  withoutSecrets,
} from "../../src/common/index.js";

describe("remote paths", () => {
  it.each([
    ["https://EXAMPLE.org/a%20b/%C3%9Cbung.svs", "https://example.org/a b/Übung.svs", "Übung.svs"],
    [
      "https://example.org/a%2Fb%3Fc%23d%25.svs",
      "https://example.org/a%2Fb%3Fc%23d%25.svs",
      "a%2Fb%3Fc%23d%25.svs",
    ],
    ["https://example.org/%FF.svs#label", "https://example.org/%FF.svs", "%FF.svs"],
    ["http://example.org:8080/x/a.tif", "http://example.org:8080/x/a.tif", "a.tif"],
    ["s3://bucket/a b/100%?.tif", "s3://bucket/a b/100%?.tif", "100%?.tif"],
    ["s3://bucket", "s3://bucket/", "bucket"],
    ["slides/a.tif", "slides/a.tif", "a.tif"],
  ])("of %s is %s", (given, path, name) => {
    expect(remotePath(given)).toBe(path);
    expect(basename(path)).toBe(name);
    // Once more gives the same, and the same address.
    expect(remotePath(path)).toBe(path);
    if (path.startsWith("http")) expect(new URL(path).href).toBe(new URL(given.split("#")[0] ?? "").href);
  });

  it("leave out what may be secret, which is kept for fetching and for commands", () => {
    const address = "https://me:word@example.org/secret/a.tif?sig=abc";
    const path = remotePath(address);
    expect(path).toBe("https://example.org/secret/a.tif");
    expect(addressOf(path)).toBe(address);
    expect(addressOf("https://example.org/other.tif")).toBe("https://example.org/other.tif");
    expect(commandEnvironment(["infer", path]).EPSAM_ADDRESSES).toContain("sig=abc");
    expect(commandEnvironment(["infer", "a.tif"]).EPSAM_ADDRESSES).toBeUndefined();
  });

  it.each([
    "gs://bucket/a.tif",
    "https://example.org/slides/",
    "https://",
    "s3://",
    "s3://user:word@bucket/a",
  ])("of %s is refused", (given) => {
    expect(() => remotePath(given)).toThrow();
    expect(() => remotePath(`${given}?sig=abc`)).not.toThrow(/sig=abc/);
  });

  it("are known by their schemes", () => {
    expect(["HTTPS://a/b", "s3://a/b", "http://a"].every(isRemotePath)).toBe(true);
    expect(["C:\\a", "a/b", "file:///a", "/s3://a"].some(isRemotePath)).toBe(false);
  });

  it("are all that a text shows of addresses", () => {
    const text = "--in=https://me:word@example.org/a.tif?sig=abc and 'http://b.org/c?d=e#f' or https://:?x";
    expect(withoutSecrets(text)).toBe("--in=https://example.org/a.tif and 'http://b.org/c' or https://:");
  });
});
