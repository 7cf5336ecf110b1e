import koffi, { type LibraryHandle } from "koffi";
import { messageOf } from "../../common/index.js";
import type { NotOpened, OpenSlideDescription, PixelBlock } from "./protocol.js";
import { rgbOnWhite, transparentPixels } from "./rgb-on-white.js";

/** Levels and pixels of one answer beyond which the library's word is not taken. */
const MAX_LEVELS = 64;
const MAX_ASSOCIATED_PIXELS = 2 ** 26;
const MAX_NAMES = 100_000;

type Pointer = object | bigint;
type OutNumber = [number | bigint];

/** The C functions that are used (openslide.h), the same in versions 3.4 and 4. */
interface Functions {
  readonly detectVendor: (path: string) => string | null;
  readonly open: (path: string) => Pointer | null;
  readonly close: (slide: Pointer) => void;
  readonly error: (slide: Pointer) => string | null;
  readonly version: () => string;
  readonly levelCount: (slide: Pointer) => number;
  readonly levelDimensions: (slide: Pointer, level: number, width: OutNumber, height: OutNumber) => void;
  readonly levelDownsample: (slide: Pointer, level: number) => number;
  readonly propertyNames: (slide: Pointer) => Pointer;
  readonly propertyValue: (slide: Pointer, name: string) => string | null;
  readonly associatedNames: (slide: Pointer) => Pointer;
  readonly associatedDimensions: (slide: Pointer, name: string, width: OutNumber, height: OutNumber) => void;
  readonly readAssociated: (slide: Pointer, name: string, argb: Uint32Array) => void;
  readonly readRegion: {
    async(
      slide: Pointer,
      argb: Uint32Array,
      x: number,
      y: number,
      level: number,
      width: number,
      height: number,
      done: (failure: unknown) => void,
    ): void;
  };
}

/** Loads the first library that is there; null with the reasons when none is. */
export function loadLibrary(names: readonly string[]): { functions: Functions } | { reasons: string } {
  const reasons: string[] = [];
  for (const name of names) {
    try {
      return { functions: bind(koffi.load(name)) };
    } catch (cause) {
      reasons.push(messageOf(cause));
    }
  }
  return { reasons: reasons.join("; ") };
}

function bind(library: LibraryHandle): Functions {
  const dimensions = "_Out_ int64_t* width, _Out_ int64_t* height";
  return {
    detectVendor: library.func("const char* openslide_detect_vendor(const char* path)"),
    open: library.func("void* openslide_open(const char* path)"),
    close: library.func("void openslide_close(void* slide)"),
    error: library.func("const char* openslide_get_error(void* slide)"),
    version: library.func("const char* openslide_get_version()"),
    levelCount: library.func("int32_t openslide_get_level_count(void* slide)"),
    levelDimensions: library.func(
      `void openslide_get_level_dimensions(void* slide, int32_t level, ${dimensions})`,
    ),
    levelDownsample: library.func("double openslide_get_level_downsample(void* slide, int32_t level)"),
    propertyNames: library.func("void* openslide_get_property_names(void* slide)"),
    propertyValue: library.func("const char* openslide_get_property_value(void* slide, const char* name)"),
    associatedNames: library.func("void* openslide_get_associated_image_names(void* slide)"),
    associatedDimensions: library.func(
      `void openslide_get_associated_image_dimensions(void* slide, const char* name, ${dimensions})`,
    ),
    readAssociated: library.func(
      "void openslide_read_associated_image(void* slide, const char* name, void* argb)",
    ),
    readRegion: library.func(
      "void openslide_read_region(void* slide, void* argb, int64_t x, int64_t y, int32_t level, int64_t w, int64_t h)",
    ),
  };
}

/** One slide opened by the library; opened anew after an error, which OpenSlide never takes back. */
export class LibrarySlide {
  readonly #functions: Functions;
  readonly #path: string;
  #slide: Pointer;

  private constructor(functions: Functions, path: string, slide: Pointer) {
    this.#functions = functions;
    this.#path = path;
    this.#slide = slide;
  }

  static open(functions: Functions, path: string): LibrarySlide | NotOpened {
    if (functions.detectVendor(path) === null) {
      return {
        notOpened: "unknown format",
        reason: `OpenSlide ${functions.version()} does not know its format`,
      };
    }
    const slide = functions.open(path);
    if (slide === null) return { notOpened: "unknown format", reason: "OpenSlide does not open it" };
    const failure = functions.error(slide);
    if (failure === null) return new LibrarySlide(functions, path, slide);
    functions.close(slide);
    return { notOpened: "failed", reason: failure };
  }

  describe(): OpenSlideDescription {
    const { levelCount, levelDownsample, version, propertyNames, propertyValue, associatedNames } =
      this.#functions;
    const slide = this.#slide;
    const count = levelCount(slide);
    this.#check();
    if (count < 1 || count > MAX_LEVELS) throw new Error(`it has ${count} levels`);
    const levels = Array.from({ length: count }, (_, level) => ({
      ...sizeBy((width, height) => this.#functions.levelDimensions(slide, level, width, height)),
      downsample: levelDownsample(slide, level),
    }));
    const properties = Object.fromEntries(
      namesAt(propertyNames(slide)).map((name) => [name, propertyValue(slide, name) ?? ""]),
    );
    const associatedImages = namesAt(associatedNames(slide));
    this.#check();
    const vendor = properties["openslide.vendor"] ?? "unknown";
    return { version: version(), vendor, levels, properties, associatedImages };
  }

  /** RGB of a region; what is transparent is white. */
  async readRegion(level: number, x: number, y: number, width: number, height: number): Promise<PixelBlock> {
    const argb = new Uint32Array(width * height);
    const slide = this.#slide;
    await new Promise<void>((resolve, reject) => {
      this.#functions.readRegion.async(slide, argb, x, y, level, width, height, (failure) =>
        failure === null || failure === undefined ? resolve() : reject(failure),
      );
    });
    this.#check();
    return { width, height, data: rgbOnWhite(argb), missing: transparentPixels(argb) };
  }

  readAssociated(name: string): PixelBlock {
    const slide = this.#slide;
    const { width, height } = sizeBy((w, h) => this.#functions.associatedDimensions(slide, name, w, h));
    this.#check();
    if (!(width > 0 && height > 0 && width * height <= MAX_ASSOCIATED_PIXELS)) {
      throw new Error(`the image "${name}" has ${width} × ${height} pixels`);
    }
    const argb = new Uint32Array(width * height);
    this.#functions.readAssociated(slide, name, argb);
    this.#check();
    return { width, height, data: rgbOnWhite(argb), missing: transparentPixels(argb) };
  }

  #check(): void {
    const failure = this.#functions.error(this.#slide);
    if (failure === null) return;
    // The old handle stays open: other reads may still be using it.
    const again = this.#functions.open(this.#path);
    if (again !== null) this.#slide = again;
    throw new Error(failure);
  }
}

function sizeBy(measure: (width: OutNumber, height: OutNumber) => void): { width: number; height: number } {
  const width: OutNumber = [-1];
  const height: OutNumber = [-1];
  measure(width, height);
  return { width: Number(width[0]), height: Number(height[0]) };
}

/** Texts of an array that a null pointer ends. */
function namesAt(array: Pointer): string[] {
  const names: string[] = [];
  const pointerBytes = koffi.sizeof("void*");
  while (names.length < MAX_NAMES) {
    const name: string | null = koffi.decode(array, names.length * pointerBytes, "const char*");
    if (name === null) break;
    names.push(name);
  }
  return names;
}
