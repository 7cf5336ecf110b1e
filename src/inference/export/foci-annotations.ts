import {
  type Annotation,
  type AnnotationGroup,
  contentUuid,
  formatAsapXml,
  formatGeoJson,
} from "../../annotations/index.js";
import { writeFileAtomically } from "../../common/index.js";
import type { Colour } from "../../imaging/index.js";
import type { FociAnnotationOptions, Focus } from "./types.js";

const DEFAULT_GROUP = "Tumor";
/** QuPath's own colour for that classification. */
const DEFAULT_COLOUR: Colour = [200, 0, 0];

/**
 * Foci as annotations: classified, numbered from the largest on, with measurements as QuPath names them (area,
 * maximum diameter, mean probability; in pixels without a resolution). Their UUIDs come from the run, the slide and
 * the outline, so that the same result has the same objects.
 */
export function annotationsOfFoci(foci: readonly Focus[], options: FociAnnotationOptions): Annotation[] {
  const { run, slide } = options.identity;
  return foci.map((focus, index) => ({
    id: contentUuid(JSON.stringify([run, slide, ...focus.polygon.outer.coordinates])),
    name: `Focus ${index + 1}`,
    group: options.group ?? DEFAULT_GROUP,
    colour: null,
    polygons: [focus.polygon],
    points: [],
    measurements: measurementsOf(focus),
  }));
}

/** The group that goes with {@link annotationsOfFoci}. */
export function groupOfFoci({ group, colour }: FociAnnotationOptions): AnnotationGroup {
  return { name: group ?? DEFAULT_GROUP, colour: colour ?? DEFAULT_COLOUR, parent: null };
}

function measurementsOf(focus: Focus): Record<string, number> {
  const { areaMicrons, diameterMicrons, level0Area, level0Diameter, meanProbability } = focus;
  return {
    ...(areaMicrons === null ? { "Area px^2": level0Area } : { "Area µm^2": areaMicrons }),
    ...(diameterMicrons === null
      ? { "Max diameter px": level0Diameter }
      : { "Max diameter µm": diameterMicrons }),
    ...(meanProbability === null ? {} : { "Mean tumor probability": meanProbability }),
  };
}

/**
 * Writes foci as GeoJSON that QuPath imports: a FeatureCollection of annotation objects.
 * @throws EpSamError `storage` when the file cannot be written
 */
export async function writeFociGeoJson(
  path: string,
  foci: readonly Focus[],
  options: FociAnnotationOptions,
): Promise<void> {
  const digits = foci.every(({ polygon }) => isWholeHundredths(polygon.outer.coordinates)) ? 2 : 5;
  const groups = [groupOfFoci(options)];
  const format = { digits, origin: options.geoJsonOrigin };
  await writeFileAtomically(path, formatGeoJson(annotationsOfFoci(foci, options), groups, format));
}

/** True where two digits say all: rounding could make outlines touch that pass each other closely. */
function isWholeHundredths(coordinates: Float64Array): boolean {
  return coordinates.every((value) => Math.round(value * 100) / 100 === value);
}

/**
 * Writes foci as ASAP XML: polygons of the group `Tumor`, their holes in the group `Exclusion`.
 * @throws EpSamError `storage` when the file cannot be written
 */
export async function writeFociAsapXml(
  path: string,
  foci: readonly Focus[],
  options: FociAnnotationOptions,
): Promise<void> {
  await writeFileAtomically(path, formatAsapXml(annotationsOfFoci(foci, options), [groupOfFoci(options)]));
}
