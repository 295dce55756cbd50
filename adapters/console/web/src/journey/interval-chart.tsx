// Probabilities with their intervals, one row each, on one common axis.

import type { ReactElement } from "react";

import { percent } from "../ui/format.ts";
import type { Subject } from "./model.ts";

/** Units of the drawing; the width scales with the panel. */
const WIDTH = 300;
const HEIGHT = 18;
const MIDDLE = HEIGHT / 2;

/** The end of the axis: the next full tenth above everything that is drawn. */
export const axisEnd = (subjects: readonly Subject[]): number =>
  Math.min(1, Math.max(0.1, Math.ceil(Math.max(0, ...subjects.map((subject) => subject.high)) * 10) / 10));

const Row = ({ subject, end }: { readonly subject: Subject; readonly end: number }): ReactElement => {
  const x = (part: number): number => 4 + (part / end) * (WIDTH - 8);
  const { text, probability, low, high, chosen } = subject;
  const said = `${percent(probability)} likely to be opened, between ${percent(low)} and ${percent(high)}`;
  return (
    <li className="subject" data-chosen={chosen || undefined}>
      <span className="subject-text">
        {text}
        {chosen && <span className="badge good">chosen</span>}
      </span>
      <svg
        className="interval"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={said}
      >
        <line className="track" x1={x(0)} x2={x(end)} y1={MIDDLE} y2={MIDDLE} />
        <line className="range" x1={x(low)} x2={x(high)} y1={MIDDLE} y2={MIDDLE} />
        <line className="point" x1={x(probability)} x2={x(probability)} y1={3} y2={HEIGHT - 3} />
      </svg>
      <span className="subject-value" aria-hidden="true">
        <strong>{percent(probability)}</strong> {percent(low)} to {percent(high)}
      </span>
    </li>
  );
};

export const IntervalChart = ({ subjects }: { readonly subjects: readonly Subject[] }): ReactElement => {
  const end = axisEnd(subjects);
  return (
    <figure className="chart">
      <figcaption>Probability of an open, with its interval (0 to {Math.round(end * 100)} %)</figcaption>
      <ul>
        {subjects.map((subject, index) => (
          <Row key={`${index} ${subject.text}`} subject={subject} end={end} />
        ))}
      </ul>
    </figure>
  );
};
