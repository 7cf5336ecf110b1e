import { EpSamError, RandomAccessFile } from "../../common/index.js";

/** An error about a weight file, optionally about one tensor of it. */
export function weightsError(
  file: string,
  tensor: string | undefined,
  what: string,
  why?: string,
  action = "The file is damaged or of another kind; fetch or write it again.",
  cause?: unknown,
): EpSamError {
  return new EpSamError(
    "weights",
    { what: tensor === undefined ? what : `tensor "${tensor}" ${what}`, where: file, why, action },
    { cause },
  );
}

/** Opens a weight file to be read in pieces. @throws EpSamError `weights` when that fails, then and while it is read */
export function openWeightFile(path: string): Promise<RandomAccessFile> {
  return RandomAccessFile.open(path, (file, what, why, action, cause) =>
    weightsError(file, undefined, what, why, action, cause),
  );
}
