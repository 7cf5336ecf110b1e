import type { DataSet } from "./data-set.js";
import { Tag } from "./tags.js";

/** Attributes shown to the user; none that tells who the patient is. */
const SHOWN: Readonly<Record<string, number>> = {
  StudyInstanceUID: Tag.studyInstance,
  SeriesInstanceUID: Tag.seriesInstance,
  SOPInstanceUID: Tag.sopInstance,
  ImageType: Tag.imageType,
  AcquisitionDateTime: Tag.acquisitionDateTime,
  Manufacturer: Tag.manufacturer,
  ManufacturerModelName: Tag.manufacturerModel,
  DeviceSerialNumber: Tag.deviceSerialNumber,
  SoftwareVersions: Tag.softwareVersions,
  DimensionOrganizationType: Tag.dimensionOrganizationType,
  PhotometricInterpretation: Tag.photometric,
  NumberOfFrames: Tag.numberOfFrames,
  LossyImageCompressionRatio: Tag.lossyRatio,
  LossyImageCompressionMethod: Tag.lossyMethod,
};

/** Properties of level 0 by the keyword of the attribute. */
export function slideProperties(dataSet: DataSet, transferSyntax: string): Readonly<Record<string, string>> {
  const properties: Record<string, string> = { TransferSyntaxUID: transferSyntax };
  for (const [keyword, tag] of Object.entries(SHOWN)) {
    const text = dataSet.text(tag);
    if (text !== undefined) properties[keyword] = text;
  }
  const width = dataSet.float(Tag.imagedVolumeWidth);
  const height = dataSet.float(Tag.imagedVolumeHeight);
  if (width !== undefined) properties.ImagedVolumeWidth = String(width);
  if (height !== undefined) properties.ImagedVolumeHeight = String(height);
  return properties;
}
