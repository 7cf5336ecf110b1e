/** Tags of TIFF 6.0, its supplements, and of slide vendors, by the names their specifications give them. */
export const TiffTag = {
  NewSubfileType: 254,
  ImageWidth: 256,
  ImageLength: 257,
  BitsPerSample: 258,
  Compression: 259,
  PhotometricInterpretation: 262,
  FillOrder: 266,
  ImageDescription: 270,
  Make: 271,
  Model: 272,
  StripOffsets: 273,
  Orientation: 274,
  SamplesPerPixel: 277,
  RowsPerStrip: 278,
  StripByteCounts: 279,
  XResolution: 282,
  YResolution: 283,
  PlanarConfiguration: 284,
  ResolutionUnit: 296,
  Software: 305,
  DateTime: 306,
  Artist: 315,
  HostComputer: 316,
  Predictor: 317,
  ColorMap: 320,
  TileWidth: 322,
  TileLength: 323,
  TileOffsets: 324,
  TileByteCounts: 325,
  SubIFDs: 330,
  ExtraSamples: 338,
  SampleFormat: 339,
  JPEGTables: 347,
  XMP: 700,
  Copyright: 33432,
  ImageDepth: 32997,
  /** Written by Hamamatsu scanners alone. */
  NdpiFormatFlag: 65420,
} as const;

/** Values of the tag Compression that are read. */
export const Compression = {
  None: 1,
  Lzw: 5,
  Jpeg: 7,
  AdobeDeflate: 8,
  PackBits: 32773,
  Deflate: 32946,
  /** Aperio: JPEG 2000 codestreams of YCbCr components. */
  AperioJpeg2000Ycc: 33003,
  /** Aperio: JPEG 2000 codestreams of RGB components. */
  AperioJpeg2000Rgb: 33005,
  WebP: 50001,
} as const;

const OTHER_COMPRESSIONS: Readonly<Record<number, string>> = {
  2: "CCITT Huffman",
  3: "CCITT fax 3",
  4: "CCITT fax 4",
  6: "old-style JPEG",
  34712: "JPEG 2000 (34712)",
  34887: "LERC",
  34925: "LZMA",
  34934: "JPEG XR",
  50000: "Zstandard",
  50002: "JPEG XL",
  52546: "JPEG XL",
};

/** The name of a compression that is not read, for messages. */
export function compressionName(compression: number): string {
  return OTHER_COMPRESSIONS[compression] ?? `number ${compression}`;
}

/** Values of the tag PhotometricInterpretation that are read. */
export const Photometric = { WhiteIsZero: 0, BlackIsZero: 1, Rgb: 2, Palette: 3, Ycc: 6 } as const;

/** Bytes per value of each field type of TIFF 6.0 and BigTIFF; types not listed are skipped. */
export const FIELD_BYTES: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};
