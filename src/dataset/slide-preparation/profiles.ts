import type { z } from "zod";
import { profileSetting } from "../../contract/index.js";
import { SPLITS, type Split } from "../records.js";

/** Most patches of a split; null for no limit. */
export interface SampleLimits {
  readonly positives: number | null;
  /** Of each 5 %-wide bin of the tumour fraction. */
  readonly positivesPerBin: number | null;
  readonly negatives: number | null;
}

/** Which slides the authors used, and how many patches of them. */
export interface Profile {
  /** What slides of this data set are named like, for messages. */
  readonly naming: string;
  /** Slides by split, by file name without extension, in lower case. */
  readonly slides: Readonly<Record<Split, readonly string[]>>;
  /** Slides of the authors' that are left out, with the reason. */
  readonly leftOut: ReadonlyMap<string, string>;
  readonly limits: Readonly<Record<Split, SampleLimits>>;
}

export type ProfileName = z.infer<typeof profileSetting>;

export const profileNames: readonly ProfileName[] = profileSetting.options;

/** The numbers of the slides in `tumor_NNN.tif` (authors' released code, preprocessing). */
const CAMELYON16 = {
  train:
    "061 018 039 031 035 051 064 040 030 007 025 041 054 065 005 046 023 004 022 008 006 068 001 009 015 042 " +
    "016 056 027 057 038 063 019 045 037 062 058 033 010 002 060 055 069 052 066 011 024",
  val: "048 013 067 044 043 036",
  test: "032 047 049 028 050 053 034 012 059 014 020 003 026 029 017",
};

/** Two digits of the patient and one of the node in `patient_0PP_node_N.tif` (as above). */
const CAMELYON17 = {
  train:
    "241 512 204 224 444 481 423 603 674 213 161 363 451 151 174 720 202 410 171 640 382 120 662 681 402 464 731",
  val: "343 521 152",
  test: "622 391 044 614 104 091 754 463 172",
};

const upTo = (positivesPerBin: number, negatives: number): SampleLimits => ({
  positives: null,
  positivesPerBin,
  negatives,
});

/**
 * The authors' lists. Three patients of their Camelyon17 split have slides in training and in validation or test;
 * those slides are taken out of training, so that the test slides are the published ones and nobody is in two splits.
 */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  camelyon16: {
    naming: "tumor_001",
    slides: namesBySplit(CAMELYON16, (code) => `tumor_${code}`),
    leftOut: new Map(),
    limits: { train: upTo(430, 6000), val: upTo(50, 700), test: upTo(143, 2000) },
  },
  camelyon17: {
    naming: "patient_004_node_4",
    ...withoutSharedPatients(
      namesBySplit(CAMELYON17, (code) => `patient_0${code.slice(0, 2)}_node_${code.slice(2)}`),
    ),
    limits: {
      train: upTo(500, 6000),
      // They fill up to 1000, whatever the bins hold.
      val: { positives: 1000, positivesPerBin: null, negatives: 700 },
      test: upTo(100, 2000),
    },
  },
};

/** The split of a slide in a profile, or why it has none. */
export function splitInProfile(
  name: ProfileName,
  stem: string,
): { readonly split: Split } | { readonly refused: string } {
  const { slides, leftOut, naming } = profiles[name];
  const key = stem.toLowerCase();
  const split = SPLITS.find((candidate) => slides[candidate].includes(key));
  if (split !== undefined) return { split };
  const reason = leftOut.get(key) ?? `is not among the slides of the profile ${name} (such as ${naming})`;
  return { refused: reason };
}

/**
 * The patient that a slide's name tells: Camelyon17's `patient_NNN_node_N` and the barcodes of TCGA do; other
 * slides count as patients of their own.
 */
export function patientInName(stem: string): string {
  const camelyon = /^(patient_\d{3})_node_\d+$/i.exec(stem)?.[1];
  const tcga = /^(TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})(?![A-Z0-9])/i.exec(stem)?.[1];
  return camelyon?.toLowerCase() ?? tcga?.toUpperCase() ?? stem;
}

function namesBySplit(
  codes: Readonly<Record<Split, string>>,
  nameOf: (code: string) => string,
): Record<Split, string[]> {
  const names = (split: Split): string[] => codes[split].split(" ").map(nameOf);
  return { train: names("train"), val: names("val"), test: names("test") };
}

function withoutSharedPatients(slides: Record<Split, string[]>): Pick<Profile, "slides" | "leftOut"> {
  const leftOut = new Map<string, string>();
  for (const split of ["val", "test"] as const) {
    const patients = new Set(slides[split].map(patientInName));
    for (const name of slides.train.filter((slide) => patients.has(patientInName(slide)))) {
      leftOut.set(name, `is left out of training, since its patient is in ${split} too`);
    }
  }
  return { slides: { ...slides, train: slides.train.filter((name) => !leftOut.has(name)) }, leftOut };
}
