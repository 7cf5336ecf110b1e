import { describe, expect, it } from "vitest";
import { agreeOnDivision, type Division, divide, parseShard, stemsOf } from "../../src/cohort/index.js";
import { sharedFiles } from "../../src/slides/index.js";
import { errorOf, temporaryFolder } from "../dataset/fixtures.js";

describe("a shard", () => {
  it("is a part of a number of parts", async () => {
    expect(parseShard("3/16", {})).toEqual({ index: 3, count: 16 });
    for (const text of ["0/16", "17/16", "1/0", "3", "3/", "a/b", "1/1000000", "-1/4"]) {
      expect(await errorOf(Promise.resolve().then(() => parseShard(text, {})))).toMatch(
        /^\[usage\].*no shard/,
      );
    }
  });

  it("is the task of a Slurm array, wherever it begins and whatever its step", async () => {
    const array = (id: number, first: number, last: number, count: number, step = 1) => ({
      SLURM_ARRAY_TASK_ID: `${id}`,
      SLURM_ARRAY_TASK_MIN: `${first}`,
      SLURM_ARRAY_TASK_MAX: `${last}`,
      SLURM_ARRAY_TASK_COUNT: `${count}`,
      SLURM_ARRAY_TASK_STEP: `${step}`,
    });
    expect(parseShard("auto", array(1, 1, 8, 8))).toEqual({ index: 1, count: 8 });
    expect(parseShard("auto", array(0, 0, 7, 8))).toEqual({ index: 1, count: 8 });
    expect(parseShard("auto/8", array(7, 0, 7, 8))).toEqual({ index: 8, count: 8 });
    expect(parseShard("auto", array(10, 4, 13, 4, 3))).toEqual({ index: 3, count: 4 });
    // Tasks 3 and 7 given again are no array of 2.
    const gaps = Promise.resolve().then(() => parseShard("auto", array(7, 3, 7, 2)));
    expect(await errorOf(gaps)).toMatch(/does not fit Slurm's array: 2 tasks from 3 to 7.*whole array again/);
    const other = Promise.resolve().then(() => parseShard("auto/16", array(7, 0, 7, 8)));
    expect(await errorOf(other)).toMatch(/8 tasks from 0 to 7, and 16 shards were asked for/);
  });

  it("is the index of Kubernetes and AWS Batch, which begin at 0", async () => {
    expect(parseShard("auto/16", { JOB_COMPLETION_INDEX: "0" })).toEqual({ index: 1, count: 16 });
    const alone = Promise.resolve().then(() => parseShard("auto", { JOB_COMPLETION_INDEX: "0" }));
    expect(await errorOf(alone)).toMatch(/Kubernetes gives the index alone.*auto\/16/);
    const batch = { AWS_BATCH_JOB_ARRAY_INDEX: "15", AWS_BATCH_JOB_ARRAY_SIZE: "16" };
    expect(parseShard("auto", batch)).toEqual({ index: 16, count: 16 });
    const none = Promise.resolve().then(() => parseShard("auto", {}));
    expect(await errorOf(none)).toMatch(/finds no scheduler: none of SLURM_ARRAY_TASK_ID of Slurm/);
    const both = Promise.resolve().then(() => parseShard("auto", { ...batch, JOB_COMPLETION_INDEX: "1" }));
    expect(await errorOf(both)).toMatch(/two schedulers/);
  });
});

describe("a division", () => {
  const slides = Array.from({ length: 40 }, (_, at) => ({ stem: `s${at}`, bytes: ((at * 7919) % 97) * 1e6 }));

  it("gives every slide to one shard, all shards about as many bytes, in whatever order slides are listed", () => {
    const division = divide(slides, 7);
    const stems = division.shards.flatMap((_, at) => [...stemsOf(division, { index: at + 1 })]);
    expect(stems.sort()).toEqual(slides.map(({ stem }) => stem).sort());
    const loads = division.shards.map((shard) => shard.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(Math.max(...loads) / Math.min(...loads)).toBeLessThan(1.2);
    expect(divide([...slides].reverse(), 7)).toEqual(division);
    expect(divide(slides, 100).shards.filter((shard) => shard.length > 0)).toHaveLength(40);
    expect(
      divide(
        [
          { stem: "a", bytes: 0 },
          { stem: "b", bytes: 0 },
        ],
        2,
      ).shards.map(({ length }) => length),
    ).toEqual([1, 1]);
  });

  it("is agreed on by all shards, or they are told what differs", async () => {
    const files = sharedFiles(await temporaryFolder());
    const agree = (own: Division) => agreeOnDivision(files, "division.json", own);
    await agree(divide(slides, 4));
    await agree(divide(slides, 4));
    const [first, ...rest] = slides;
    expect(await errorOf(agree(divide(rest, 4)))).toMatch(/that began saw s0, this one does not/);
    const more = [...slides, { stem: "new", bytes: 1 }];
    expect(await errorOf(agree(divide(more, 4)))).toMatch(/this one sees new/);
    const growing = [{ stem: first?.stem ?? "", bytes: 5 }, ...rest];
    expect(await errorOf(agree(divide(growing, 4)))).toMatch(/s0 had another number of bytes/);
    expect(await errorOf(agree(divide(slides, 5)))).toMatch(/begun with 4 shards, and this is one of 5/);
  });
});
