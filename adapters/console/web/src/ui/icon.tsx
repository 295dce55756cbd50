// The icons: strokes on a 20 x 20 grid, drawn in the colour of the text around them.

import type { ReactElement } from "react";

const PATHS = {
  text: "M4 6V4h12v2M10 4v12M7.5 16h5",
  button: "M3 6.5h14v7H3zM7 10h6",
  image: "M3 4h14v12H3zM3 13l4-4 4 4 2.5-2.5L17 14M12.5 7.5h.01",
  shape: "M4 4h12v12H4z",
  divider: "M3 10h14M6 6h8M6 14h8",
  undo: "M4 8h8.5a3.5 3.5 0 0 1 0 7H8M4 8l3.5-3.5M4 8l3.5 3.5",
  redo: "M16 8H7.5a3.5 3.5 0 0 0 0 7H12M16 8l-3.5-3.5M16 8l-3.5 3.5",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  sun: "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M15.7 4.3l-1.1 1.1M5.4 14.6l-1.1 1.1",
  moon: "M16.5 12A7 7 0 0 1 8 3.5a7 7 0 1 0 8.5 8.5z",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.8M10 14.5h.01M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15z",
  close: "M5 5l10 10M15 5L5 15",
  eye: "M2 10s3-5.5 8-5.5 8 5.5 8 5.5-3 5.5-8 5.5S2 10 2 10zM10 7.75a2.25 2.25 0 1 1 0 4.5 2.25 2.25 0 0 1 0-4.5z",
  eyeOff:
    "M3 3l14 14M8 4.8A8.5 8.5 0 0 1 10 4.5c5 0 8 5.5 8 5.5a14 14 0 0 1-2.6 3.2M12.4 12.6A3 3 0 0 1 7.6 8M5.5 6.2A14 14 0 0 0 2 10s3 5.5 8 5.5c1 0 2-.2 2.8-.5",
  lock: "M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  unlock: "M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 5.8-1",
  up: "M10 15.5v-11M5.5 9L10 4.5 14.5 9",
  down: "M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5",
  grip: "M8 5h.01M12 5h.01M8 10h.01M12 10h.01M8 15h.01M12 15h.01",
  trash: "M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5",
  copy: "M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7",
  download: "M10 3v10M5.5 9L10 13.5 14.5 9M3.5 16.5h13",
  check: "M4 10.5l4 4 8-9",
  alert: "M10 3l7.5 13.5h-15zM10 8v4M10 14.25h.01",
  mesh: "M10 2.5v5M8 11.5l-3.5 3M12 11.5l3.5 3M10 7.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5zM10 2.5h.01M4 15h.01M16 15h.01",
  layers: "M10 3l7.5 4-7.5 4-7.5-4zM2.5 10.5l7.5 4 7.5-4M2.5 14l7.5 4 7.5-4",
  pencil: "M3.5 16.5l1-4L13.5 3.5l3 3-9 9zM11.5 5.5l3 3",
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { readonly name: IconName }): ReactElement => (
  <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
