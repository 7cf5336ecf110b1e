import { readdir, readFile } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import { EpSamError, exists, hashBytes } from "../common/index.js";
import { matchesTag } from "./caching.js";
import { PAGE_POLICY } from "./security-headers.js";

/** Where the build puts the page; the same place seen from `src/server` and `dist/server`. */
const PAGE_DIRECTORY = fileURLToPath(new URL("../../dist/web/", import.meta.url));
const PAGE_FILE = "index.html";

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

/**
 * The page's files: those that lie in the build's directory when the first is asked for, by their exact paths, so
 * that no address can name another file.
 * @param directory absolute path of the built page
 */
export function staticRoutes(directory: string = PAGE_DIRECTORY): Hono {
  const routes = new Hono();
  let listed: Promise<ReadonlyMap<string, string>> | null = null;
  routes.get("*", async (request, next) => {
    if (request.req.path.startsWith("/api/")) return next();
    const path = request.req.path === "/" ? `/${PAGE_FILE}` : request.req.path;
    listed ??= listFiles(directory);
    const files = await listed;
    // A page that is built while the server runs is found without a restart.
    if (!files.has(`/${PAGE_FILE}`)) listed = null;
    const file = files.get(path);
    if (file !== undefined) return fileResponse(file, request.req.header("if-none-match"));
    if (path === `/${PAGE_FILE}`) throw notBuilt();
    return next();
  });
  return routes;
}

/** The paths of the files below a directory as addresses, each with its place on disk. */
async function listFiles(directory: string): Promise<ReadonlyMap<string, string>> {
  if (!(await exists(directory))) return new Map();
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && extname(entry.name) in MEDIA_TYPES)
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [addressOf(path, directory), path]));
}

function addressOf(path: string, directory: string): string {
  const parts = path.slice(directory.length).split(sep);
  return `/${parts.filter((part) => part !== "").join("/")}`;
}

async function fileResponse(file: string, known: string | undefined): Promise<Response> {
  const bytes = await readFile(file);
  const extension = extname(file);
  const headers = new Headers({
    ETag: `"${hashBytes(bytes).slice(0, 32)}"`,
    // Asked for anew each time: a new version of the program must not meet an old page.
    "Cache-Control": "no-cache",
    "Content-Type": MEDIA_TYPES[extension] ?? "application/octet-stream",
  });
  // Workers are held to the policy of their own script.
  if (extension === ".html" || extension === ".js" || extension === ".mjs") {
    headers.set("Content-Security-Policy", PAGE_POLICY);
  }
  if (matchesTag(known, headers)) return new Response(null, { status: 304, headers });
  return new Response(new Uint8Array(bytes), { headers });
}

function notBuilt(): EpSamError {
  return new EpSamError("not-found", {
    what: "the page is not built",
    why: "this is a checkout of the sources",
    action: "Run `npm run build` in it, then reload the page.",
  });
}
