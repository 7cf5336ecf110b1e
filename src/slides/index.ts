export type {
  CompressedTile,
  Level0Point,
  MicronsPerPixel,
  PixelSource,
  ReadOptions,
  Region,
  SlideLevel,
} from "./pixel-source.js";
