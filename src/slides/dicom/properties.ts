import type { DataSet } from "./data-set.js";
import { DicomTag } from "./tags.js";

/** Attributes shown to the user; none that tells who the patient is. */
const SHOWN: Readonly<Record<string, number>> = {
  StudyInstanceUID: DicomTag.studyInstance,
  SeriesInstanceUID: DicomTag.seriesInstance,
  SOPInstanceUID: DicomTag.sopInstance,
  ImageType: DicomTag.imageType,
  AcquisitionDateTime: DicomTag.acquisitionDateTime,
  Manufacturer: DicomTag.manufacturer,
  ManufacturerModelName: DicomTag.manufacturerModel,
  DeviceSerialNumber: DicomTag.deviceSerialNumber,
  SoftwareVersions: DicomTag.softwareVersions,
  DimensionOrganizationType: DicomTag.dimensionOrganizationType,
  PhotometricInterpretation: DicomTag.photometric,
  NumberOfFrames: DicomTag.numberOfFrames,
  LossyImageCompressionRatio: DicomTag.lossyRatio,
  LossyImageCompressionMethod: DicomTag.lossyMethod,
};

/** Properties of level 0 by the keyword of the attribute. */
export function slideProperties(dataSet: DataSet, transferSyntax: string): Readonly<Record<string, string>> {
  const properties: Record<string, string> = { TransferSyntaxUID: transferSyntax };
  for (const [keyword, tag] of Object.entries(SHOWN)) {
    const text = dataSet.text(tag);
    if (text !== undefined) properties[keyword] = text;
  }
  const width = dataSet.float(DicomTag.imagedVolumeWidth);
  const height = dataSet.float(DicomTag.imagedVolumeHeight);
  if (width !== undefined) properties.ImagedVolumeWidth = String(width);
  if (height !== undefined) properties.ImagedVolumeHeight = String(height);
  return properties;
}
