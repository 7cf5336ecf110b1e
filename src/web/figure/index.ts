export { FigureDialog } from "./figure-dialog.js";
