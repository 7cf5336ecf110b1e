/** A new canvas of that size, to be drawn on. @throws Error where the browser has none */
export function canvasContext(
  width: number,
  height: number,
  settings?: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", settings);
  if (context === null) throw new Error("the browser offers no 2D canvas");
  return context;
}
