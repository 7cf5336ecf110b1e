import type { RandomAccessFile } from "../common/index.js";
import type { PixelSource } from "./pixel-source.js";
import type { TileCache } from "./tile-cache.js";

export interface OpenSlideOptions {
  /** Where decoded tiles are kept; by default one cache for the whole process. */
  readonly tileCache?: TileCache | undefined;
}

/** What can be seen of a path before it is opened as a slide. */
export interface SlideProbe {
  readonly path: string;
  readonly isDirectory: boolean;
  /** Size in bytes; 0 for a directory. */
  readonly size: number;
  /** The first bytes of the file, at most {@link PROBE_BYTES}; empty for a directory. */
  readonly head: Uint8Array;
  /** Extension in lower case with its dot, or "". */
  readonly extension: string;
}

/** Enough for every magic number in use; DICOM's ends at byte 132. */
export const PROBE_BYTES = 1024;

/** A format's word that the file is sound but of a dialect it leaves to another format of the table. */
export interface Refusal {
  readonly refused: string;
}

/** One slide format: how it is recognised and how it is opened. */
export interface SlideFormat {
  readonly name: string;
  /** True when the file is of this format as far as its first bytes and name tell. */
  detect(probe: SlideProbe): boolean;
  /**
   * Opens the file, or refuses it so that the next format that detects it is tried.
   * @throws EpSamError `slide` when the file is damaged, which ends the search
   */
  open(path: string, options: OpenSlideOptions): Promise<PixelSource | Refusal>;
  /**
   * The same of a file that is open, and closed with the slide or when it is refused; left out by formats of several files,
   * and those that other libraries read, which must be on this machine.
   * @throws EpSamError `slide` when the file is damaged; it is closed then
   */
  openFile?(file: RandomAccessFile, options: OpenSlideOptions): Promise<PixelSource | Refusal>;
}
