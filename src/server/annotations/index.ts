export { annotationRoutes } from "./routes.js";
