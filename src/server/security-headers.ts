import type { MiddlewareHandler } from "hono";

/**
 * What the page may do: everything from this server alone, no inline script, no eval; `wasm-unsafe-eval` compiles
 * ONNX Runtime's WebAssembly, `blob:` are its workers and pictures that the page draws itself.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "frame-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** For everything that is no page: opened by itself it can do nothing. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox";

/**
 * Headers of every answer. The embedder and opener policies isolate the page from other origins, which gives
 * WebAssembly its threads; a route may set a policy of its own.
 */
const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Embedder-Policy", "require-corp"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
];

/** Sets the security headers of every answer. */
export function securityHeaders(): MiddlewareHandler {
  return async (request, next) => {
    await next();
    for (const [name, value] of HEADERS) request.res.headers.set(name, value);
    if (!request.res.headers.has("Content-Security-Policy")) {
      request.res.headers.set("Content-Security-Policy", DATA_POLICY);
    }
  };
}
