export { type ClaimOptions, claimDirectory } from "./claim.js";
export { type ProjectPlan, planProject } from "./plan.js";
export { stageWork } from "./planned-work.js";
export { type Project, type ProjectFile, readProjectFile, resolveProject } from "./project.js";
export { type ProjectSettings, projectSettings } from "./project-settings.js";
export {
  type LeftOutInput,
  type ProjectResult,
  projectPlaces,
  type RunProjectOptions,
  runProject,
} from "./run-project.js";
