/** Drawings of 24 × 24, stroked in the text's colour. */
const DRAWINGS = {
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  actual: "M5 8l3-2v12M16 8l3-2v12M12 10v.01M12 15v.01",
  turnLeft: "M4 4v6h6M4.5 10A8 8 0 1 1 4 14",
  turnRight: "M20 4v6h-6M19.5 10A8 8 0 1 0 20 14",
  fullScreen: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 9L4 4M15 9l5-5M15 15l5 5M9 15l-5 5",
  map: "M3 6l6-2 6 2 6-2v14l-6 2-6-2-6 2zM9 4v14M15 6v14",
  layers: "M12 3l9 5-9 5-9-5zM3 12l9 5 9-5M3 16l9 5 9-5",
  foci: "M12 3v4M12 17v4M3 12h4M17 12h4M12 12m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0",
  info: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M12 11v6M12 7v.01",
  pencil: "M4 20l1-5L16 4l4 4L9 19zM13 7l4 4",
  slides: "M4 5h16v14H4zM9 5v14M12 9h5v6h-5z",
  dataset: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  run: "M4 19h16M6 16l4-5 3 3 5-8",
  jobs: "M5 6h14M5 12h14M5 18h9M18 15v6l4-3z",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 18v.01M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18",
  close: "M6 6l12 12M18 6L6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  panel: "M4 5h16v14H4zM15 5v14",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12M12 9a3 3 0 1 0 0 6a3 3 0 0 0 0-6",
  eyeOff:
    "M4 4l16 16M9.5 5.4A10 10 0 0 1 12 5c6 0 10 7 10 7a17 17 0 0 1-3 3.7M6 7.3A17 17 0 0 0 2 12s4 7 10 7a9 9 0 0 0 4-1",
  chevron: "M9 6l6 6-6 6",
  back: "M15 6l-6 6 6 6",
  warning: "M12 4l9 16H3zM12 10v5M12 17.5v.01",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  light:
    "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19",
  dark: "M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  select: "M6 3l12 9-6 1 4 7-3 1-3-7-4 4z",
  wand: "M4 20L14 10M12 8l4 4M17 3v4M15 5h4M20 11v3M18.500 12.500h3M8 3v3M6.500 4.500h3",
  brush: "M14 4c3-2 6-1 6 2 0 2-4 5-8 8l-2-2c1-3 2-6 4-8M10 12c-3 0-4 2-4 4 0 1-1 2-2 2 2 2 8 2 8-4",
  eraser: "M9 19L4 14l9-10 7 7-8 8zM8.500 9l7 7M9 19h11",
  vertices: "M5 6l13-1 1 13-12 1zM3 4h4v4H3zM16 3h4v4h-4zM17 16h4v4h-4zM5 17h4v4H5z",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  redo: "M15 7l5 5-5 5M20 12H10a6 6 0 0 0-6 6",
  check: "M5 13l4 4L19 7",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10 11v5M14 11v5",
  box: "M4 6h16v12H4z",
  table: "M3 5h18v14H3zM3 10h18M3 14.500h18M9 10v9",
  ellipse: "M3 12a9 6 0 1 0 18 0a9 6 0 1 0-18 0",
  polyline: "M4 18L9 7l6 8 5-10M3 17h2v2H3zM8 6h2v2H8zM14 14h2v2h-2zM19 4h2v2h-2z",
  points:
    "M6 8m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M17 6m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M12 17m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  ruler: "M3 16L16 3l5 5L8 21zM7 12l2 2M10 9l3 3M13 6l2 2",
  beside: "M3 5h8v14H3zM13 5h8v14h-8z",
  curtain: "M3 5h18v14H3zM12 2v20M9 12H5M15 12h4M7 10l-2 2 2 2M17 10l2 2-2 2",
  aligned: "M4 4h12v12H4zM8 8h12v12H8z",
  grid: "M3 3h18v18H3zM3 9h18M3 15h18M9 3v18M15 3v18",
} as const;

export type IconName = keyof typeof DRAWINGS;

/** A drawing beside words, or in a button that has a name of its own. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={DRAWINGS[name]} />
    </svg>
  );
}
