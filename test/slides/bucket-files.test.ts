import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { exists } from "../../src/common/index.js";
import {
  bucketFileTime,
  downloadFromBucket,
  removeFromBucket,
  uploadToBucket,
} from "../../src/slides/index.js";
import { temporaryFolder } from "../dataset/fixtures.js";
import { bucketServer, KEY, signIn } from "../support/bucket-server.js";
import { failureOf } from "./made-up.js";

// Against an imitation of what S3 answers; the real one is not reached from tests.

const server = bucketServer();
beforeAll(signIn);

async function fileOf(bytes: Buffer): Promise<string> {
  const file = join(await temporaryFolder(), "file");
  await writeFile(file, bytes);
  return file;
}

it("small files go into a bucket at once, signed, and come back", async () => {
  const bytes = Buffer.from("results");
  const path = "s3://bucket/a prefix/one #1.json";
  expect(await bucketFileTime(path)).toBeNull();
  await uploadToBucket(await fileOf(bytes), path);
  expect(await server.contentOf("/bucket/a prefix/one #1.json")).toEqual(bytes);
  expect(await bucketFileTime(path)).toBeGreaterThan(0);
  const [put] = server.requests.filter(({ method }) => method === "PUT");
  expect(put?.headers.authorization).toContain(`Credential=${KEY}/`);
  const back = join(await temporaryFolder(), "back");
  await downloadFromBucket(path, back);
  await removeFromBucket(path);
  expect(await bucketFileTime(path)).toBeNull();
  // What is gone is told, and is not an empty file.
  const error = await failureOf(downloadFromBucket(path, `${back} again`));
  expect(error).toMatchObject({ tag: "storage" });
  expect(error.message).toContain("one #1.json");
  expect(await exists(`${back} again`)).toBe(false);
});

it("empty files are files, too", async () => {
  await uploadToBucket(await fileOf(Buffer.alloc(0)), "s3://bucket/empty");
  expect(await server.contentOf("/bucket/empty")).toHaveLength(0);
});

/** Two whole parts and a bit, all different. */
const large = Buffer.from(new Uint32Array(8.5 * 2 ** 20).map((_, index) => index * 2654435761).buffer);

it("large files go in parts, and a part that a busy server refuses is sent again", async () => {
  let refused = 0;
  server.fault = ({ query }, response) => {
    if (query.get("partNumber") !== "2" || refused > 0) return false;
    refused += 1;
    response.writeHead(503).end();
    return true;
  };
  await uploadToBucket(await fileOf(large), "s3://bucket/large");
  expect(refused).toBe(1);
  expect((await server.contentOf("/bucket/large"))?.equals(large)).toBe(true);
  expect(server.requests.filter(({ query }) => query.has("partNumber"))).toHaveLength(4);
  expect(server.unfinishedUploads).toBe(0);
});

it("an upload that is refused leaves what was there, and no parts", async () => {
  await uploadToBucket(await fileOf(Buffer.from("before")), "s3://bucket/kept");
  server.fault = ({ query }, response) => {
    if (query.get("partNumber") !== "2") return false;
    response.writeHead(403).end();
    return true;
  };
  const failure = await failureOf(uploadToBucket(await fileOf(large), "s3://bucket/kept"));
  expect(failure.tag).toBe("storage");
  expect(failure.message).toMatch(/^s3:\/\/bucket\/kept: cannot be written .*the server answers 403/);
  expect(failure.message).not.toContain("secret-of-test");
  expect(await server.contentOf("/bucket/kept")).toEqual(Buffer.from("before"));
  expect(server.unfinishedUploads).toBe(0);
});

it("a file that is not there as it was written is told", async () => {
  server.fault = ({ method }, response) => {
    if (method !== "HEAD") return false;
    response.writeHead(200, { "Content-Length": 3 }).end();
    return true;
  };
  const failure = await failureOf(uploadToBucket(await fileOf(Buffer.from("results")), "s3://bucket/cut"));
  expect(failure.message).toContain("it has 3 bytes instead of 7");
});
