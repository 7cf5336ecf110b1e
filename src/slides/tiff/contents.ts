import type { RandomAccessFile } from "../../common/index.js";
import { readDirectories } from "./directories.js";
import type { TiffDirectory } from "./directory.js";
import { readPage, type TiffPage, type UnsupportedPage } from "./page.js";
import { TiffTag } from "./tags.js";

export type AnyPage = TiffPage | UnsupportedPage;

/** A directory of the main chain as a picture, and the pictures of its sub-directories. */
export interface PageNode {
  readonly directory: TiffDirectory;
  readonly page: AnyPage;
  readonly subPages: readonly AnyPage[];
  readonly description: string | null;
}

/** All that a TIFF file says of its pictures. */
export interface TiffContents {
  readonly file: RandomAccessFile;
  /** Never empty. */
  readonly nodes: readonly PageNode[];
  readonly first: PageNode;
  /** Image description of the first page; "" without one. */
  readonly description: string;
  /** Software that wrote it; "" when it does not tell. */
  readonly software: string;
}

/** @throws EpSamError `slide` when the file is damaged or beyond the limits */
export async function readContents(file: RandomAccessFile): Promise<TiffContents> {
  const nodes: PageNode[] = [];
  for (const [index, { directory, children }] of (await readDirectories(file)).entries()) {
    const subPages: AnyPage[] = [];
    for (const [child, subDirectory] of children.entries()) {
      subPages.push(await readPage(file, subDirectory, `page ${index}, sub-page ${child}`));
    }
    nodes.push({
      directory,
      page: await readPage(file, directory, `page ${index}`),
      subPages,
      description: await directory.text(TiffTag.ImageDescription),
    });
  }
  const [first] = nodes;
  if (first === undefined) throw file.error("holds no image", "it has no directory");
  return {
    file,
    nodes,
    first,
    description: first.description ?? "",
    software: (await first.directory.text(TiffTag.Software)) ?? "",
  };
}

/** @throws EpSamError `slide` when the page is stored in a way that is not read */
export function supportedPage(file: RandomAccessFile, page: AnyPage): TiffPage {
  if (!("unsupported" in page)) return page;
  throw file.error(
    "stores its pixels in a way that is not read",
    `${page.name} has ${page.unsupported}`,
    "Convert it to 8-bit RGB with JPEG, deflate or LZW compression, for example with QuPath or libvips.",
  );
}
