// The time to the first byte, lately: of the node in the middle and of the slowest.

import type { ReactElement } from "react";

import { duration } from "../ui/format.ts";
import type { Sample } from "./reducer.ts";
import { MOST_SAMPLES } from "./reducer.ts";

const WIDTH = 600;
const HEIGHT = 120;

/** The top of the axis: 1, 2 or 5 times a power of ten, above everything that is drawn. */
export const axisTop = (samples: readonly Sample[]): number => {
  const most = Math.max(1, ...samples.map(({ slowestMs }) => slowestMs));
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5, 10].find((step) => step * power >= most) ?? 10) * power;
};

/** The points of a line; the newest stands at the right edge. */
export const points = (values: readonly number[], top: number): string => {
  const x = (index: number): number => WIDTH - ((values.length - 1 - index) / (MOST_SAMPLES - 1)) * WIDTH;
  const y = (value: number): number => HEIGHT - (value / top) * HEIGHT;
  return values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
};

export const TimesChart = ({ samples }: { readonly samples: readonly Sample[] }): ReactElement => {
  const top = axisTop(samples);
  const last = samples.at(-1) ?? { medianMs: 0, slowestMs: 0 };
  const said = `Expected time to the first byte: ${duration(last.medianMs)} at the node in the middle, ${duration(last.slowestMs)} at the slowest`;
  return (
    <section className="card" aria-labelledby="times-title">
      <h3 id="times-title">Response times</h3>
      <div className="times">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={said}>
          {[0, 0.5, 1].map((part) => (
            <line key={part} className="grid" x1="0" x2={WIDTH} y1={part * HEIGHT} y2={part * HEIGHT} />
          ))}
          <polyline className="slowest" points={points(samples.map(({ slowestMs }) => slowestMs), top)} />
          <polyline className="median" points={points(samples.map(({ medianMs }) => medianMs), top)} />
        </svg>
        <span className="axis" aria-hidden="true">
          <span>{duration(top)}</span>
          <span>0</span>
        </span>
      </div>
      <p className="legend quiet" aria-hidden="true">
        <span className="key median">in the middle</span>
        <span className="key slowest">slowest</span>
      </p>
    </section>
  );
};
