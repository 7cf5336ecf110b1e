import { describe, expect, it } from "vitest";
import { asSharp, picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import {
  ascii,
  buildTiff,
  long,
  short,
  Type,
  type WrittenDirectory,
} from "../../scripts/fixtures/tiff-writer.js";
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
      deflatePage(picture(64, 48), 64, [ascii(270, description)]),
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
    await slide.close();
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
      deflatePage(picture(64, 64), 64, [long(254, 1)]),
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
        subDirectories: [deflatePage(picture(128, 96), 64, [long(254, 1)])],
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
