import { silentReporter } from "../../src/common/index.js";
import { createApp } from "../../src/server/app.js";
import { createServerContext } from "../../src/server/context.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { startServer } from "../../src/server/start-server.js";
import { addInput } from "../../src/server/workspace/recognise.js";
import { openSlide, type PixelSource } from "../../src/slides/index.js";

// Serves one slide and prints {port, slide}; with `encode` as if its tiles could not be passed on as they are stored.

const [path = "", mode = "stored"] = process.argv.slice(2);
const open = async (file: string): Promise<PixelSource> => {
  const source = await openSlide(file);
  return mode === "encode" ? withoutStoredTiles(source) : source;
};
const context = createServerContext({
  stateDirectory: "bench-state",
  signal: new AbortController().signal,
  reporter: silentReporter,
  openSlides: new OpenSlides({ open }),
});
await addInput(context.workspace, path, { warn: console.error });
const server = await startServer(createApp(context), { host: "127.0.0.1", port: 0 });
process.stdout.write(`${JSON.stringify({ port: server.port, slide: context.workspace.slides[0]?.id })}\n`);
process.stdin.resume();
process.stdin.on("end", () => process.exit());

function withoutStoredTiles(source: PixelSource): PixelSource {
  const { format, levels, micronsPerPixel, objectivePower, associatedImages, warnings, properties } = source;
  return {
    ...{
      path: source.path,
      format,
      levels,
      micronsPerPixel,
      objectivePower,
      associatedImages,
      warnings,
      properties,
    },
    readRegion: (region, options) => source.readRegion(region, options),
    readAssociatedImage: (name, options) => source.readAssociatedImage(name, options),
    close: () => source.close(),
  };
}
