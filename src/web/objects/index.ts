export { ObjectDock } from "./object-dock.js";
export { type OpenObjects, openObjects } from "./open-objects.js";
