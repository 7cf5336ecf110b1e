export { type DicomGroup, groupDicomFiles, isDicomFile } from "./dicom/series.js";
export { type SlideFileVersion, slideFileVersion } from "./open-file.js";
export { openSlide } from "./open-slide.js";
export { findOpenSlide, type OpenSlidePresence } from "./openslide/find-openslide.js";
export type {
  CompressedTile,
  Coverage,
  Level0Point,
  MicronsPerPixel,
  PixelSource,
  ReadOptions,
  ReadRegionOptions,
  Region,
  SlideFacts,
  SlideLevel,
} from "./pixel-source.js";
export { imageSource } from "./plain-image.js";
export {
  bucketFileTime,
  downloadFromBucket,
  removeFromBucket,
  uploadToBucket,
} from "./remote/bucket-files.js";
export { type BucketFolder, listBucket } from "./remote/list-bucket.js";
export { configureRemoteSlides, type RemoteSlideSettings } from "./remote/settings.js";
export { placeInBucket, readSharedText, type SharedFiles, sharedFiles } from "./remote/shared-files.js";
export type { OpenSlideOptions, SlideFormat, SlideProbe } from "./slide-format.js";
export { MAX_THUMBNAIL_SIDE, readThumbnail, type ThumbnailOptions } from "./thumbnail.js";
export { isTiledTiff } from "./tiff/open-tiff.js";
export { TileCache } from "./tile-cache.js";
