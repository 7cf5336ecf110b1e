export { type ConnectOptions, connectQueue, type QueueConnection } from "./connect.js";
export { embedOnQueue } from "./embed-on-queue.js";
export { cancelQueued, pauseQueue, type QueueStatus, queueStatus, retryQueued } from "./manage.js";
export { inferOnQueue, prepareOnQueue, type QueuedInference, type SetAside } from "./on-queue.js";
export { nameOfRedis, parseRedisAddress } from "./redis-address.js";
export { runWorker, type WorkerOptions, type WorkerResult } from "./worker.js";
export { serveFigures, WorkerFigures } from "./worker-figures.js";
