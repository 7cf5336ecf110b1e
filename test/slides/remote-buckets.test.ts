import { beforeAll, describe, expect, it } from "vitest";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import { buildTiff } from "../../scripts/fixtures/tiff-writer.js";
import { configureRemoteSlides, listBucket, openSlide } from "../../src/slides/index.js";
import { bucketServer, KEY, signIn } from "../support/bucket-server.js";
import { expectSameImage, failureOf, noiseImage, readLevel } from "./made-up.js";

// Against an imitation of what S3 answers; the real one is not reached from tests.

const server = bucketServer();
const image = noiseImage(200, 150);
const slide = buildTiff([deflatePage(image, 64)]);

beforeAll(() => {
  configureRemoteSlides({ patience: { attempts: 3, pause: 1, silence: 2000, total: 10_000 } });
});

/** Only who signs with this key is answered. */
function answerOnly(key: string): void {
  server.fault = ({ headers }, response) => {
    if (headers.authorization?.startsWith(`AWS4-HMAC-SHA256 Credential=${key}/`) === true) return false;
    response.writeHead(403).end();
    return true;
  };
}

describe("buckets", () => {
  it("that everybody may read are read without a signature", async () => {
    server.add("/open-bucket/a & b/slide #1.tif", slide);
    const source = await openSlide("s3://open-bucket/a & b/slide #1.tif");
    expectSameImage(await readLevel(source, 0), image);
    expect(server.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    await source.close();
  });

  it("that refuse strangers are read and listed with Amazon's library and its credentials", async () => {
    signIn();
    for (const name of ["one", "two", "three"]) server.add(`/private-bucket/scans/${name}.tif`, slide);
    server.add("/private-bucket/scans/old/four.tif", slide);
    server.pageSize = 2;
    answerOnly(KEY);
    expect(await listBucket("s3://private-bucket/scans/")).toEqual({
      files: ["one", "three", "two"].map((name) => `s3://private-bucket/scans/${name}.tif`),
      folders: ["s3://private-bucket/scans/old/"],
    });
    const source = await openSlide("s3://private-bucket/scans/two.tif");
    expectSameImage(await readLevel(source, 0), image);
    await source.close();
    const missing = await failureOf(openSlide("s3://private-bucket/scans/five.tif"));
    expect(missing.message).toContain("does not exist");
  });

  it("that refuse the credentials, too, say so without them", async () => {
    server.add("/closed-bucket/a.tif", slide);
    answerOnly("ANOTHERKEY");
    const failure = await failureOf(openSlide("s3://closed-bucket/a.tif"));
    expect(failure.tag).toBe("slide");
    expect(failure.message).toContain("may not be read");
    expect(failure.message).not.toContain("secret-of-test");
    expect((await failureOf(listBucket("s3://closed-bucket/"))).message).toContain("403");
  });

  it("whose file changes while it is read are errors", async () => {
    server.add("/private-bucket/changing.tif", slide);
    answerOnly(KEY);
    const source = await openSlide("s3://private-bucket/changing.tif");
    server.add("/private-bucket/changing.tif", buildTiff([deflatePage(noiseImage(200, 150, 4), 64)]));
    expect((await failureOf(readLevel(source, 0))).message).toContain("changed");
    await source.close();
  });
});
