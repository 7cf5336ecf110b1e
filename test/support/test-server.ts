import type { Hono } from "hono";
import sharp from "sharp";
import type { Reporter } from "../../src/common/index.js";
import type { SlideDetail, Workspace } from "../../src/contract/index.js";
import { type AppOptions, createApp } from "../../src/server/app.js";
import { createServerContext, type ServerContext } from "../../src/server/context.js";
import { addAnnotationFolder, addInput } from "../../src/server/workspace/recognise.js";

export interface TestServer {
  readonly context: ServerContext;
  readonly app: Hono;
  /** What the terminal was warned of. */
  readonly warnings: readonly string[];
  request(path: string, init?: RequestInit): Promise<Response>;
  workspace(): Promise<Workspace>;
  /** The detail of the slide of that name. */
  slide(name: string): Promise<SlideDetail>;
  close(): Promise<void>;
}

export interface TestServerOptions extends AppOptions {
  readonly inputs: readonly string[];
  readonly annotations?: readonly string[];
  readonly stateDirectory: string;
  /** Address of the queue whose workers do what jobs ask of slides. */
  readonly queue?: string | undefined;
}

/** The application on some inputs, without a socket. */
export async function testServer(options: TestServerOptions): Promise<TestServer> {
  const { inputs, annotations = [], stateDirectory, queue, ...appOptions } = options;
  const warnings: string[] = [];
  const ended = new AbortController();
  const reporter: Reporter = {
    progress: () => undefined,
    note: () => undefined,
    warn: (message) => warnings.push(message),
  };
  const context = createServerContext({ stateDirectory, signal: ended.signal, reporter, queue });
  for (const input of inputs) await addInput(context.workspace, input, { warn: reporter.warn });
  for (const folder of annotations) await addAnnotationFolder(context.workspace, folder);
  const app = createApp(context, appOptions);
  const json = async (path: string) => JSON.parse(await (await app.request(path)).text());
  const workspace = (): Promise<Workspace> => json("/api/workspace");
  return {
    ...{ context, app, warnings, workspace },
    request: async (path, init) => app.request(path, init),
    async slide(name) {
      const found = (await workspace()).slides.find((entry) => entry.name === name);
      return json(`/api/slides/${found?.id ?? name}`);
    },
    async close() {
      ended.abort();
      await context.openSlides.close();
    },
  };
}

/** Writes a tiled pyramid with a gradient in it, as libvips makes them: JPEG tiles of 256 pixels. */
export async function writeGradientSlide(
  path: string,
  width: number,
  height: number,
  options: { readonly compression?: "jpeg" | "lzw"; readonly pyramid?: boolean } = {},
): Promise<Uint8Array> {
  const { compression = "jpeg", pyramid = true } = options;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      data[at] = (255 * x) / width;
      data[at + 1] = (255 * y) / height;
      data[at + 2] = 128;
    }
  }
  await sharp(data, { raw: { width, height, channels: 3 } })
    .tiff({ tile: true, tileWidth: 256, tileHeight: 256, pyramid, compression, quality: 90 })
    .toFile(path);
  return data;
}

/** Pixels of a picture that a route answered. */
export async function pixelsOf(
  response: Response,
): Promise<{ width: number; height: number; data: Uint8Array }> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
