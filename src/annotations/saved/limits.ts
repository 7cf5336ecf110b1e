/** What one slide's annotations may hold, beside the limits of one edit in the contract; far beyond what people draw, and few enough to be kept in memory. */
export const annotationLimits = {
  /** Objects of a slide. */
  objects: 50_000,
  /** Vertices of a slide. */
  vertices: 1_000_000,
  /** Steps that can be undone, and the vertices they may hold together; the last step is always kept. */
  undoSteps: 200,
  undoVertices: 500_000,
  /** Titles of saved edits that are kept for telling what was saved since. */
  titles: 100,
} as const;
