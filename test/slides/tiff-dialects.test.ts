import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { asSharp, cutTile, cutTiles, halved, picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import {
  ascii,
  buildTiff,
  long,
  short,
  Type,
  type WrittenDirectory,
} from "../../scripts/fixtures/tiff-writer.js";
import type { RgbImage } from "../../src/imaging/index.js";
import { openSlide, type PixelSource } from "../../src/slides/index.js";
import { openTiff } from "../../src/slides/tiff/open-tiff.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const files = temporaryDirectory();
const image = picture(256, 192);

async function open(name: string, pages: readonly WrittenDirectory[]): Promise<PixelSource> {
  return openSlide(await files.write(name, buildTiff(pages)));
}

function resolution(perUnit: number, unit: number): WrittenDirectory["fields"] {
  const rational = [Math.round(perUnit * 1000), 1000];
  return [
    { tag: 282, type: Type.Rational, values: rational },
    { tag: 283, type: Type.Rational, values: rational },
    short(296, unit),
  ];
}

describe("plain TIFF", () => {
  it.each([
    ["per centimetre", resolution(40_000, 3), { x: 0.25, y: 0.25 }],
    ["per inch", resolution(50_800, 2), { x: 0.5, y: 0.5 }],
    ["absent", [], null],
    ["without a unit", resolution(40_000, 1), null],
  ] as const)("resolution %s", async (name, fields, expected) => {
    const slide = await open(`${name}.tif`, [deflatePage(image, 64, fields)]);
    expect(slide.micronsPerPixel).toEqual(expected);
    expect(slide.warnings).toEqual([]);
    await slide.close();
  });

  it("does not take a screen's dots per inch for a scan's resolution", async () => {
    const slide = await open("screen.tif", [deflatePage(image, 64, resolution(72, 2))]);
    expect(slide.micronsPerPixel).toBeNull();
    expect(slide.warnings.join()).toContain("352.8 × 352.8 microns per pixel, which no scan has");
    await slide.close();
  });

  it.each([
    ["Hamamatsu NDPI", long(65420, 1)],
    [
      "Leica SCN",
      ascii(270, '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn"></scn>'),
    ],
    [
      "Ventana BIF",
      { tag: 700, type: Type.Byte, values: Buffer.from('<Metadata><iScan ID="1"/></Metadata>') },
    ],
  ])("leaves %s to OpenSlide", async (name, field) => {
    const path = await files.write(`${name}.tif`, buildTiff([deflatePage(image, 64, [field])]));
    // The TIFF reader alone: where OpenSlide is installed, it opens some of them.
    expect(await openTiff(path)).toMatchObject({ refused: expect.stringContaining(name) });
  });
});

describe("Aperio SVS", () => {
  const description =
    "Aperio Image Library v1\r\n256x192 |AppMag = 40|MPP = 0,2525|Filename = a=b|MPP = 0,2520";

  it("takes what the description says", async () => {
    const strips = (name: string, subfileType: number) => ({
      fields: [
        ...deflatePage(image, 64).fields.filter(({ tag }) => tag !== 322 && tag !== 323),
        long(278, 192),
        long(254, subfileType),
        ascii(270, name),
      ].map((field) => (field.tag === 259 ? short(259, 1) : field)),
      segments: [image.data],
      tiled: false,
    });
    const slide = await open("a.svs", [
      deflatePage(image, 64, [ascii(270, description)]),
      strips("Aperio Image Library v1\r\nthumb", 0),
      deflatePage(halved(halved(image)), 64, [ascii(270, description)]),
      strips("Aperio Image Library v1\r\nlabel 256x192", 1),
      strips("Aperio Leica Biosystems GT450", 9),
    ]);
    expect(slide.format).toBe("Aperio SVS");
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 4]);
    expect(slide.micronsPerPixel).toEqual({ x: 0.252, y: 0.252 });
    expect(slide.objectivePower).toBe(40);
    expect(slide.properties).toMatchObject({ "aperio.Filename": "a=b", "aperio.AppMag": "40" });
    expect(slide.associatedImages).toEqual(["thumbnail", "label", "macro"]);
    expect(Buffer.compare((await slide.readAssociatedImage("macro")).data, image.data)).toBe(0);
    await expect(slide.readAssociatedImage("map")).rejects.toMatchObject({ tag: "usage" });
    await slide.close();
  });
});

describe("absurd numbers", () => {
  it("are no resolution and no magnification", async () => {
    const description = "Aperio Image Library\r\n|MPP = 1e999|AppMag = -4|=|||MPP";
    const slide = await open("absurd.svs", [deflatePage(image, 64, [ascii(270, description)])]);
    expect([slide.micronsPerPixel, slide.objectivePower]).toEqual([null, null]);
    expect(slide.warnings.join()).toContain('tells its resolution as "1e999"');
    await slide.close();
    const withUnit = "Aperio Image Library\r\n|MPP = 0.5 um|AppMag = 20";
    const other = await open("unit.svs", [deflatePage(image, 64, [ascii(270, withUnit)])]);
    expect([other.micronsPerPixel, other.objectivePower]).toEqual([null, 20]);
    expect(other.warnings.join()).toContain('tells its resolution as "0.5 um"');
    await other.close();
  });
});

describe("Philips TIFF", () => {
  it("takes resolution, padding and the label from the XML", async () => {
    const label = await asSharp(picture(40, 30)).jpeg({ quality: 100 }).toBuffer();
    const level = (spacing: string) =>
      `<DataObject ObjectType="PixelDataRepresentation"><Attribute Name="DICOM_PIXEL_SPACING">${spacing}</Attribute></DataObject>`;
    const xml = `<?xml version="1.0" encoding="UTF-8"?><DataObject ObjectType="DPUfsImport">
      <Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>
      <Attribute Name="PIM_DP_SCANNED_IMAGES"><Array>
        <DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">LABELIMAGE</Attribute>
          <Attribute Name="PIM_DP_IMAGE_DATA">${label.toString("base64")}</Attribute></DataObject>
        <DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">WSI</Attribute>
          <Attribute Name="DICOM_DERIVATION_DESCRIPTION">tiff-useBigTIFF=1-levels=40,10002-processing=0</Attribute>
          <Attribute Name="DICOM_PIXEL_SPACING">"0.000226907" "0.000226891"</Attribute>
          <Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>
            ${level("&quot;0.000227&quot; &quot;0.000227&quot;")}${level('"0.000908" "0.000908"')}
          </Array></Attribute></DataObject>
      </Array></Attribute></DataObject>`;
    // The second level is padded from 64 × 48 to whole tiles.
    const slide = await open("philips.tiff", [
      deflatePage(image, 64, [ascii(305, "Philips DP v1.0"), ascii(270, xml)]),
      deflatePage(cutTile(halved(halved(image)), 0, 0, 64, 64), 64, [long(254, 1)]),
    ]);
    expect(slide.format).toBe("Philips TIFF");
    expect(slide.levels.map(({ width, height, downsample }) => [width, height, downsample])).toEqual([
      [256, 192, 1],
      [64, 48, 4],
    ]);
    expect(slide.micronsPerPixel?.x).toBeCloseTo(0.226891, 9);
    expect(slide.micronsPerPixel?.y).toBeCloseTo(0.226907, 9);
    expect(slide.objectivePower).toBe(40);
    expect(slide.properties["philips.DICOM_MANUFACTURER"]).toBe("PHILIPS");
    expect(slide.associatedImages).toEqual(["label"]);
    expect((await slide.readAssociatedImage("label")).width).toBe(40);
    await slide.close();
  });
});

describe("OME-TIFF", () => {
  function ome(pixels: string, more = ""): string {
    return `<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
      <Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="20.0"/></Instrument>
      <Image ID="Image:0" Name="slide"><ObjectiveSettings ID="Objective:0"/><Pixels ID="Pixels:0" ${pixels}>
      <Channel ID="Channel:0:0" SamplesPerPixel="3"/><TiffData IFD="0" PlaneCount="1"/></Pixels></Image>${more}</OME>`;
  }
  const rgb = 'Type="uint8" SizeX="256" SizeY="192" SizeC="3" SizeZ="1" SizeT="1"';

  it("takes resolution and magnification from the XML and levels from SubIFDs", async () => {
    const resolved = `${rgb} PhysicalSizeX="500" PhysicalSizeXUnit="nm" PhysicalSizeY="0.51"`;
    const label = `<Image ID="Image:1" Name="label image"><Pixels ID="Pixels:1" Type="uint8" SizeX="80" SizeY="60"
      SizeC="3" SizeZ="1" SizeT="1"><TiffData IFD="1"/></Pixels></Image>`;
    const slide = await open("slide.ome.tif", [
      {
        ...deflatePage(image, 64, [ascii(270, ome(resolved, label))]),
        subDirectories: [deflatePage(halved(image), 64, [long(254, 1)])],
      },
      deflatePage(picture(80, 60), 64),
    ]);
    expect(slide.format).toBe("OME-TIFF");
    expect(slide.levels).toHaveLength(2);
    expect(slide.micronsPerPixel).toEqual({ x: 0.5, y: 0.51 });
    expect(slide.objectivePower).toBe(20);
    expect(slide.associatedImages).toEqual(["label"]);
    expect((await slide.readAssociatedImage("label")).width).toBe(80);
    await slide.close();
  });

  it.each([
    ["focal planes", rgb.replace('SizeZ="1"', 'SizeZ="5"'), "5 focal planes"],
    ["fluorescence channels", rgb.replace('SizeC="3"', 'SizeC="12"'), "12 channels"],
    ["16 bits", rgb.replace("uint8", "uint16"), "uint16"],
  ])("refuses %s", async (name, pixels, reason) => {
    const opening = open(`${name}.ome.tif`, [deflatePage(image, 64, [ascii(270, ome(pixels))])]);
    await expect(opening).rejects.toMatchObject({ tag: "slide" });
    await expect(opening).rejects.toThrow(reason);
  });
});

describe("OME-TIFF of three planes", () => {
  /** One colour of a picture as a grey page. */
  function plane(whole: RgbImage, channel: number, more: WrittenDirectory["fields"] = []): WrittenDirectory {
    const segments = cutTiles(whole, 64, 64).map((tile) =>
      deflateSync(tile.data.filter((_, at) => at % 3 === channel)),
    );
    const fields = [
      ...[long(256, whole.width), long(257, whole.height), short(258, 8), short(259, 8), short(262, 1)],
      ...[short(277, 1), long(322, 64), long(323, 64), ...more],
    ];
    return { fields, segments };
  }
  const bright = (whole: RgbImage): RgbImage => ({
    ...whole,
    data: whole.data.map((value) => 128 + value / 2),
  });
  const dark = (whole: RgbImage): RgbImage => ({ ...whole, data: whole.data.map((value) => value / 8) });
  const [slideImage, halfImage] = [bright(image), bright(halved(image))];
  const blocks = [0, 1, 2].map((c) => `<TiffData FirstC="${c}" IFD="${c}" PlaneCount="1"/>`).join("");

  function ome(channels: readonly string[], data = blocks): string {
    const elements = channels.map((attributes, index) => `<Channel ID="Channel:0:${index}" ${attributes}/>`);
    return `<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">
      <Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="256" SizeY="192" SizeC="3" SizeZ="1" SizeT="1">
      ${elements.join("")}${data}</Pixels></Image></OME>`;
  }

  function pages(xml: string, whole = slideImage, half = halfImage): WrittenDirectory[] {
    return [0, 1, 2].map((channel) => ({
      ...plane(whole, channel, channel === 0 ? [ascii(270, xml)] : []),
      subDirectories: [plane(half, channel, [long(254, 1)])],
    }));
  }

  it.each([
    ["named", ['Name="Red"', 'Name="Green"', 'Name="Blue"'], blocks, []],
    ["unnamed", ["", "", ""], blocks, [/do not say|does not say/]],
    ["in one block", ['Name="R"', 'Name="G"', 'Name="B"'], '<TiffData IFD="0" PlaneCount="3"/>', []],
    ["in a block without numbers", ['Name="R"', 'Name="G"', 'Name="B"'], "<TiffData/>", []],
  ])("is read as RGB, %s", async (name, channels, data, warnings) => {
    const slide = await open(`${name.replaceAll(" ", "-")}.ome.tif`, pages(ome(channels, data)));
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 2]);
    expect(slide.warnings).toHaveLength(warnings.length);
    for (const [index, wanted] of warnings.entries()) expect(slide.warnings[index]).toMatch(wanted);
    for (const [level, expected] of [slideImage, halfImage].entries()) {
      const { width, height } = expected;
      const region = { origin: { space: "level-0", x: 0, y: 0 }, level, width, height } as const;
      expect(Buffer.compare((await slide.readRegion(region)).data, expected.data)).toBe(0);
    }
    expect(await slide.readCompressedTile?.(0, 0, 0)).toBeNull();
    await slide.close();
  });

  it("leaves out a level that one of the planes lacks", async () => {
    const [first, second, third] = pages(ome(["", "", ""]));
    if (first === undefined || second === undefined || third === undefined) throw new Error("three pages");
    const slide = await open("lacking.ome.tif", [first, second, { ...third, subDirectories: [] }]);
    expect(slide.levels).toHaveLength(1);
    expect(slide.warnings.join()).toContain("page 0, sub-page 0 (not in all three planes)");
    await slide.close();
  });

  it.each([
    ["stains by name", ['Name="DAPI"', 'Name="FITC"', 'Name="Cy3"'], slideImage, 'is "DAPI"'],
    ["dyes", ['Fluor="DAPI"', "", ""], slideImage, "3 channels of fluorescence"],
    ["wavelengths", ['EmissionWavelength="461"', "", ""], slideImage, "3 channels of fluorescence"],
    ["planes as dark as fluorescence", ["", "", ""], dark(picture(256, 192)), "dark as fluorescence"],
  ])("refuses %s", async (name, channels, whole, reason) => {
    const half = {
      ...halfImage,
      data: halfImage.data.map((value) => (whole === slideImage ? value : value / 8)),
    };
    const opening = open(`${name.replaceAll(" ", "-")}.ome.tif`, pages(ome(channels), whole, half));
    await expect(opening).rejects.toMatchObject({ tag: "slide" });
    await expect(opening).rejects.toThrow(reason);
  });

  it("takes the samples together from the page where the XML does not say", async () => {
    const xml = ome([""]).replace(blocks, '<TiffData IFD="0" PlaneCount="1"/>');
    const slide = await open("no-samples.ome.tif", [deflatePage(slideImage, 64, [ascii(270, xml)])]);
    expect(slide.warnings).toEqual([]);
    await slide.close();
  });
});

describe("Akoya QPTIFF", () => {
  const description = (type: string, name = ""): string =>
    `<?xml version="1.0" encoding="utf-16"?><PerkinElmer-QPI-ImageDescription><ImageType>${type}</ImageType><Name>${name}</Name></PerkinElmer-QPI-ImageDescription>`;
  const page = (whole: RgbImage, type: string) => deflatePage(whole, 64, [ascii(270, description(type))]);

  it("of brightfield has levels and pictures beside it as its descriptions say", async () => {
    const slide = await open("brightfield.qptiff", [
      page(image, "FullResolution"),
      page(picture(64, 48), "Thumbnail"),
      page(halved(image), "ReducedResolution"),
      page(picture(90, 60), "Overview"),
    ]);
    expect(slide.format).toBe("Akoya QPTIFF");
    expect(slide.levels.map(({ width }) => width)).toEqual([256, 128]);
    expect(slide.associatedImages).toEqual(["thumbnail", "macro"]);
    await slide.close();
  });

  it("of fluorescence is refused by name", async () => {
    const channel = (name: string): WrittenDirectory => ({
      fields: [
        ...[long(256, 64), long(257, 64), short(258, 8), short(259, 8), short(262, 1), short(277, 1)],
        ...[long(322, 64), long(323, 64), ascii(270, description("FullResolution", name))],
      ],
      segments: [deflateSync(new Uint8Array(64 * 64))],
    });
    for (const names of [["DAPI", "FITC"], ["DAPI"]]) {
      const pages = [...names.map(channel), page(picture(16, 16), "Thumbnail")];
      const opening = open(`${names.length}.qptiff`, pages);
      await expect(opening).rejects.toThrow("is a fluorescence QPTIFF");
      await expect(opening).rejects.toThrow("DAPI");
    }
  });
});
