import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { patchGeometry, readLabelledSquares } from "../../src/dataset/index.js";
import { device, floatTensor } from "../../src/graph/index.js";
import { adaptPyramid } from "../../src/inference/adaptation/adapt-pyramid.js";
import { type KnownPart, readParts } from "../../src/inference/adaptation/known-parts.js";
import { squaresOfSlides } from "../../src/inference/adaptation/squares-of-slides.js";
import { decoderOffset, openMaskDecoder, probabilitiesOf } from "../../src/method/index.js";
import {
  backbone,
  backbonePrefix,
  createSamFrame,
  FEATURE_STRIDES,
  initialPyramidWeights,
  levelsOf,
  loadBackboneWeights,
  patchPoints,
  type StateDict,
  standardisationTensors,
} from "../../src/models/index.js";
import { errorOf, recordingReporter, temporaryFolder, writeText } from "../dataset/fixtures.js";
import { memorySlide } from "../support/memory-slide.js";

const slides = [
  { stem: "case1.HE", path: "/slides/case1.HE.tif" },
  { stem: "two", path: "/slides/two.svs" },
];

async function table(...lines: readonly string[]): Promise<string> {
  const path = `${await temporaryFolder()}/squares.csv`;
  await writeText(path, ["slide,x,y,size,tumour", ...lines, ""].join("\n"));
  return path;
}

describe("labelled squares of slides", () => {
  it("are read by the slide's name, with or without its extension; others are named", async () => {
    const path = await table("case1.HE,10,20,100,1", "case1.HE.tif,0,0,50.5,0", "three,1,1,1,1");
    const { values, unmatched } = await readLabelledSquares(path, slides);
    expect(values.get("case1.HE")).toEqual([
      { x: 10, y: 20, size: 100, tumour: 1 },
      { x: 0, y: 0, size: 50.5, tumour: 0 },
    ]);
    expect([...values.keys()]).toEqual(["case1.HE"]);
    expect(unmatched).toEqual(["three"]);
  });

  it.each([
    ["two,-1,0,10,1", /line 2.*has x "-1"/],
    ["two,0,0,0,1", /line 2.*has size "0"/],
    ["two,0,0,10,yes", /line 2.*has tumour "yes".*Write 1/],
    ["two,0,0,10,1\ntwo,0,0,10,0", /line 3.*labels a square both ways/],
  ])("are refused by line: %s", async (line, message) => {
    expect(await errorOf(readLabelledSquares(await table(line), slides))).toMatch(message);
  });

  it("must be of both labels on a slide, and of some slide", async () => {
    const reporter = recordingReporter();
    const squares = async (...lines: readonly string[]) =>
      squaresOfSlides(slides, { labelledSquares: await table(...lines), reporter });
    expect(await errorOf(squares("two,0,0,10,1"))).toMatch(/squares of two that are all tumour.*other kind/);
    expect(await errorOf(squares("three,0,0,10,1"))).toMatch(/squares of none of these slides.*three/);
    const { values, skipped } = await squares("two,0,0,10,1", "two,9,9,10,0", "three,0,0,10,1");
    expect(values.get("two")).toHaveLength(2);
    expect(skipped.map(({ reason }) => reason)).toEqual(["a line belongs to none of the slides: three"]);
    expect(reporter.warnings).toHaveLength(1);
  });
});

describe("parts of labelled squares", () => {
  const stream = () => new RandomStream(0, "parts");
  const source = memorySlide("slide", 2000, 1200, (x, y) => [x % 256, y % 256, 0], { downsamples: [1, 2] });
  const found = patchGeometry(source, { level: 1 }, null, 256);
  if ("refused" in found) throw new Error(found.refused);
  const geometry = found.accepted;

  it("hold the square's pixels at the patches' resolution, whole inside the slide", async () => {
    const squares = [
      { x: 0, y: 0, size: 200, tumour: 1 },
      { x: 1000, y: 400, size: 200, tumour: 0 },
      { x: 1900, y: 1100, size: 200, tumour: 0 },
    ] as const;
    const { parts, others } = await readParts(source, squares, geometry, { stream: stream() });
    expect(others).toHaveLength(24);
    expect(others.every(({ image }) => image.width === 256 && image.height === 256)).toBe(true);
    expect(parts.map(({ known, tumour }) => [known.side, tumour])).toEqual([
      [100, 1],
      [100, 0],
      [50, 0],
    ]);
    for (const [index, { image, known }] of parts.entries()) {
      expect(image.width).toBe(256);
      const [{ x, y } = { x: 0, y: 0 }] = [squares[index]];
      // The first known pixel is the square's corner, at level 1.
      const at = (known.top * image.width + known.left) * 3;
      expect([...image.data.subarray(at, at + 3)]).toEqual([x % 256, y % 256, 0]);
      expect(known.left + known.side).toBeLessThanOrEqual(image.width);
    }
  });

  it("are several where a square is large, and none beyond the slide", async () => {
    const square = { x: 0, y: 0, size: 700, tumour: 1 } as const;
    const large = await readParts(source, [square], geometry, { stream: stream() });
    expect(large.parts).toHaveLength(9);
    const beyond = await readParts(source, [{ ...square, x: 5000 }], geometry, { stream: stream() });
    expect(beyond).toEqual({ parts: [], others: [] });
  });
});

describe("a pyramid adapted to a slide", () => {
  const entry = backbone("efficientnet-lite0");

  async function decoder(offset: number): Promise<StateDict> {
    const size = { width: 64, height: 64 };
    const levels = levelsOf(entry, size);
    const pyramid = initialPyramidWeights(levels, (name) => new RandomStream(3, name));
    const { weights } = await loadBackboneWeights(entry);
    const own = [...weights].map(([name, tensor]) => [backbonePrefix + name, tensor] as const);
    const standardisation = FEATURE_STRIDES.flatMap((stride) => {
      const { channels } = levels[stride];
      const names = standardisationTensors(stride);
      const ones = new Float32Array(channels).fill(1);
      return [
        [names.mean, floatTensor([channels])] as const,
        [names.scale, floatTensor([channels], ones)] as const,
      ];
    });
    const calibration = [[decoderOffset, floatTensor([1], Float32Array.of(offset))]] as const;
    return new Map([...pyramid, ...own, ...standardisation, ...calibration]);
  }

  function part(colour: readonly [number, number, number], tumour: 0 | 1): KnownPart {
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, index) => colour[index % 3] ?? 0);
    return { image: { width: 64, height: 64, data }, known: { left: 16, top: 16, side: 32 }, tumour };
  }

  async function probabilitiesAt(
    weights: StateDict,
    images: readonly { readonly image: KnownPart["image"] }[],
  ) {
    const frame = createSamFrame({ width: 64, height: 64 }, { frame: "patch" });
    const options = {
      weights,
      frame,
      points: 0,
      maskPrompt: false,
      entry,
      flips: false,
      device: device("cpu", 1),
    };
    const opened = await openMaskDecoder(options);
    const prompt = { points: patchPoints(new Float32Array()), mask: undefined };
    const found: number[] = [];
    for (const { image } of images) {
      const view = { image: async () => image, embedding: async () => new Float32Array() };
      found.push(...probabilitiesOf((await opened.predict(view, prompt)).logits).data);
    }
    await opened.close();
    return found;
  }

  const parts = [part([180, 60, 150], 1), part([90, 60, 150], 1), part([240, 190, 210], 0)];

  it("tells its parts better, keeps everything else, and is the same each time", async () => {
    const weights = await decoder(0);
    const options = { weights, entry, parts, others: [], seed: 0, device: device("cpu", 1) };
    const adapted = await adaptPyramid(options);
    expect(adapted.after).toBeLessThan(0.8 * adapted.before);
    expect([...adapted.weights.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [name, { data }] of adapted.weights) {
      if (!name.startsWith("pyramid.")) expect(data).toEqual(weights.get(name)?.data);
    }
    expect(adapted.weights.get("pyramid.smooth.4.weight")?.data).not.toEqual(
      weights.get("pyramid.smooth.4.weight")?.data,
    );
    expect((await adaptPyramid(options)).weights).toEqual(adapted.weights);
  });

  it("says of other parts what squares teach heads to say of them", async () => {
    const weights = await decoder(0);
    // Nearer to the squares of one label than to the other's, and a part between them.
    const colours = [
      [160, 70, 150],
      [230, 180, 205],
      [200, 120, 175],
    ] as const;
    const others = colours.map((colour) => ({ image: part(colour, 1).image }));
    const options = { weights, entry, parts, others, seed: 0, device: device("cpu", 1) };
    const steps: number[] = [];
    const onStep = (done: number, total: number) => steps.push(done / total);
    const after = await probabilitiesAt((await adaptPyramid({ ...options, onStep })).weights, others);
    expect(steps).toHaveLength(100);
    expect(steps.at(-1)).toBe(1);
    const cells = after.length / others.length;
    const [like, unlike] = [0, 1].map((index) => {
      const values = after.slice(index * cells, (index + 1) * cells);
      return values.reduce((sum, value) => sum + value, 0) / cells;
    });
    expect(like).toBeGreaterThan(0.9);
    expect(unlike).toBeLessThan(0.1);
    // The squares alone leave it undecided.
    const without = await probabilitiesAt((await adaptPyramid({ ...options, others: [] })).weights, others);
    const doubt = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + Math.min(value, 1 - value), 0) / values.length;
    expect(doubt(after.slice(0, 2 * cells))).toBeLessThan(doubt(without.slice(0, 2 * cells)));
  });

  it("starts from the calibrated decoder", async () => {
    const loss = async (offset: number) => {
      const { before, weights } = await adaptPyramid({
        ...{ weights: await decoder(offset), entry, parts, others: [], seed: 0, device: device("cpu", 1) },
      });
      expect(weights.get(decoderOffset)?.data).toEqual(Float32Array.of(0));
      return before;
    };
    // A logit of about -3 everywhere costs half of softplus(3) + softplus(-3).
    expect(Math.abs((await loss(3)) - (Math.log1p(Math.exp(3)) + Math.log1p(Math.exp(-3))) / 2)).toBeLessThan(
      0.5,
    );
  });

  it("needs parts of both labels", async () => {
    const options = {
      weights: await decoder(0),
      entry,
      parts: parts.slice(0, 2),
      others: [],
      seed: 0,
      device: device("cpu", 1),
    };
    expect(await errorOf(adaptPyramid(options))).toMatch(/\[usage\].*squares of both labels/);
  });
});
