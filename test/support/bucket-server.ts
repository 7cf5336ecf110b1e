import { afterAll, beforeAll, beforeEach, vi } from "vitest";
import { RangeServer } from "../../scripts/fixtures/range-server.js";

/** The key that {@link signIn} signs with. */
export const KEY = "KEYOFTEST";

/** A server that imitates S3 for one test file, which Amazon's library then asks. */
export function bucketServer(): RangeServer {
  const server = new RangeServer();
  beforeAll(async () => {
    await server.start();
    vi.stubEnv("AWS_ENDPOINT_URL", server.address);
    vi.stubEnv("AWS_REGION", "eu-central-1");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server.close();
  });
  beforeEach(() => {
    server.fault = null;
    server.forget();
  });
  return server;
}

/** From now on requests are signed. */
export function signIn(): void {
  vi.stubEnv("AWS_ACCESS_KEY_ID", KEY);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret-of-test");
}
