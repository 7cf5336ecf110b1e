/** A file of published weights. */
export interface CatalogueEntry {
  /** What `epsam models pull` calls it. */
  readonly name: string;
  readonly title: string;
  /** Its official file name, under which it lies in the cache. */
  readonly file: string;
  readonly bytes: number;
  /** SHA-256 in hexadecimal; null when none is published, and then the first download's is kept. */
  readonly sha256: string | null;
  /** Where the SHA-256 is published. */
  readonly hashSource: string | null;
  /** Where it can be fetched, the official place first. */
  readonly sources: readonly [string, ...string[]];
  readonly licence: string;
  /** The page of the people who made it. */
  readonly home: string;
}

const SAM_HOME = "https://github.com/facebookresearch/segment-anything#model-checkpoints";
const SAM_FILES = "https://dl.fbaipublicfiles.com/segment_anything";
/** Git LFS pointers of all three files, which hold SHA-256 and size. */
const SAM_POINTERS = "https://huggingface.co/mashb1t/misc/commit/78e181357bf2e286bf2e76635c0b5cd89583c5d9";
const SAM_MIRROR = "https://huggingface.co/mashb1t/misc/resolve/78e181357bf2e286bf2e76635c0b5cd89583c5d9";

/** A checkpoint of the three that segment-anything publishes. */
function sam(size: string, file: string, bytes: number, sha256: string): CatalogueEntry {
  return {
    name: `sam-vit-${size.toLowerCase()}`,
    title: `Segment Anything, ViT-${size}`,
    file,
    bytes,
    sha256,
    hashSource: SAM_POINTERS,
    sources: [`${SAM_FILES}/${file}`, `${SAM_MIRROR}/${file}`],
    licence: "Apache-2.0",
    home: SAM_HOME,
  };
}

/**
 * Published weights that this project can use. Sizes and hashes were copied from the pages named, not computed here;
 * every download is checked against them.
 */
export const catalogue: readonly CatalogueEntry[] = [
  sam(
    "B",
    "sam_vit_b_01ec64.pth",
    375_042_383,
    "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
  ),
  sam(
    "L",
    "sam_vit_l_0b3195.pth",
    1_249_524_607,
    "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
  ),
  sam(
    "H",
    "sam_vit_h_4b8939.pth",
    2_564_550_879,
    "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
  ),
  {
    name: "mobile-sam",
    title: "MobileSAM (TinyViT encoder; its decoder is SAM's)",
    file: "mobile_sam.pt",
    bytes: 40_728_226,
    sha256: "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
    hashSource: "https://huggingface.co/dhkim2810/MobileSAM/commit/87955d8f45ddcaa0212ca6ebcd13785902988e2a",
    sources: [
      "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/f706ad9c4eb7f219c00d9050e46328518ffb65d2/weights/mobile_sam.pt",
      "https://huggingface.co/dhkim2810/MobileSAM/resolve/87955d8f45ddcaa0212ca6ebcd13785902988e2a/mobile_sam.pt",
    ],
    licence: "Apache-2.0",
    home: "https://github.com/ChaoningZhang/MobileSAM",
  },
  {
    name: "medsam",
    title: "MedSAM (SAM ViT-B fine-tuned on medical images)",
    file: "medsam_vit_b.pth",
    bytes: 375_049_145,
    sha256: "34b34b78c1d18cb8c6bf84cf9c00e135d6d6c965699f3c0e31ef1bc9dcb5be74",
    hashSource:
      "https://huggingface.co/spaces/dennistrujillo/MedSAM_AortaTest/blob/9ba0bac49412ef6481f666fb2931c9262a1bdfe8/medsam_vit_b.pth",
    sources: [
      "https://zenodo.org/records/10689643/files/medsam_vit_b.pth",
      "https://huggingface.co/spaces/dennistrujillo/MedSAM_AortaTest/resolve/9ba0bac49412ef6481f666fb2931c9262a1bdfe8/medsam_vit_b.pth",
    ],
    licence: "CC-BY-4.0 (weights on Zenodo), Apache-2.0 (code)",
    home: "https://github.com/bowang-lab/MedSAM",
  },
  {
    name: "resnet-50",
    title: "ResNet-50 of ImageNet (torchvision, IMAGENET1K_V2), to start the classifier from",
    file: "resnet50-11ad3fa6.pth",
    bytes: 102_540_417,
    // The official name carries the first eight digits (torch.hub's convention); the page has the others.
    sha256: "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
    hashSource:
      "https://github.com/splicer3/inspectrt/blob/0487eba7e19ee1ad19b89b96a3c988318909b624/inspectrt/portability.py",
    sources: ["https://download.pytorch.org/models/resnet50-11ad3fa6.pth"],
    licence: "BSD-3-Clause (torchvision); ImageNet's terms for its images are non-commercial",
    home: "https://pytorch.org/vision/stable/models/generated/torchvision.models.resnet50.html",
  },
];
