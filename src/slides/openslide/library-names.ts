/** Environment variable with the path of the library, for those who have it in an unusual place. */
export const LIBRARY_VARIABLE = "EPSAM_OPENSLIDE";

const NAMES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  win32: ["libopenslide-1.dll", "libopenslide-0.dll"],
  darwin: [
    "libopenslide.1.dylib",
    "/opt/homebrew/lib/libopenslide.1.dylib",
    "/usr/local/lib/libopenslide.1.dylib",
    "/opt/local/lib/libopenslide.1.dylib",
    "libopenslide.0.dylib",
  ],
};
/** Linux and the other systems with ELF. */
const ELF_NAMES = ["libopenslide.so.1", "libopenslide.so.0"];

/** Where to look for OpenSlide, in this order; newer versions first. */
export function libraryNames(platform: NodeJS.Platform, variables: NodeJS.ProcessEnv): readonly string[] {
  const chosen = variables[LIBRARY_VARIABLE];
  return chosen === undefined || chosen === "" ? (NAMES[platform] ?? ELF_NAMES) : [chosen];
}

/** How to install it, in one sentence. */
export function installationHint(platform: NodeJS.Platform): string {
  if (platform === "win32") {
    return `Download the Windows build from openslide.org and set ${LIBRARY_VARIABLE} to the path of libopenslide-1.dll.`;
  }
  if (platform === "darwin") return "Install it with `brew install openslide`.";
  return (
    "Install it with the system's packages: `apt install libopenslide0` (Debian 12, Ubuntu 22.04), " +
    "`apt install libopenslide1` (newer ones), `dnf install openslide`, `pacman -S openslide`."
  );
}
