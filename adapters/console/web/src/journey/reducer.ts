// The journey so far, as a pure function of what has happened.

import type { Link } from "../ui/live.ts";
import type { Draft, Frame, StepName, StepState, Subject, Verdict } from "./model.ts";
import { STEPS } from "./model.ts";

export interface Step {
  readonly name: StepName;
  readonly state: StepState;
  readonly title: string;
  readonly detail: string;
  readonly elapsedMs: number | null;
}

export interface Journey {
  readonly link: Link;
  /** Highest sequence number seen in this run; -1 before the first. */
  readonly seq: number;
  readonly steps: readonly Step[];
  readonly draft: Draft | null;
  readonly subjects: readonly Subject[];
  readonly verdicts: readonly Verdict[];
}

export type Event =
  { readonly type: "link"; readonly link: Link } | { readonly type: "frame"; readonly frame: Frame };

const TITLES: Readonly<Record<StepName, string>> = {
  canvas: "Edit together",
  mesh: "Draft the copy",
  analytics: "Score the subject lines",
  export: "Export the message",
  trust: "Certify and anchor",
  verify: "Verify the copies",
};

const waiting = (name: StepName): Step => ({
  name,
  state: "waiting",
  title: TITLES[name],
  detail: "",
  elapsedMs: null,
});

export const START: Journey = {
  link: "connecting",
  seq: -1,
  steps: STEPS.map(waiting),
  draft: null,
  subjects: [],
  verdicts: [],
};

/** Whether a journey has shown anything yet. */
export const hasBegun = (journey: Journey): boolean => journey.seq >= 0;

const take = (journey: Journey, frame: Frame): Journey => ({
  ...journey,
  seq: frame.seq,
  steps: journey.steps.map((step) =>
    step.name === frame.step
      ? {
          name: step.name,
          state: frame.state,
          title: frame.title || step.title,
          detail: frame.detail || step.detail,
          elapsedMs: frame.elapsedMs ?? step.elapsedMs,
        }
      : step,
  ),
  draft: frame.draft ?? journey.draft,
  subjects: frame.subjects.length > 0 ? frame.subjects : journey.subjects,
  verdicts: frame.verdicts.length > 0 ? frame.verdicts : journey.verdicts,
});

/**
 * The next state.
 *
 * A fresh connection begins from nothing: the server first repeats the last word of each step. A frame that is not
 * newer than the last one is ignored. When the first step begins, a new run begins.
 */
export const reduce = (journey: Journey, event: Event): Journey => {
  if (event.type === "link")
    return event.link === "open" ? { ...START, link: "open" } : { ...journey, link: event.link };
  const { frame } = event;
  if (frame.seq <= journey.seq) return journey;
  const begins =
    frame.step === STEPS[0] && frame.state === "running" && stateOf(journey, frame.step) !== "running";
  return take(begins ? { ...START, link: journey.link } : journey, frame);
};

const stateOf = (journey: Journey, name: StepName): StepState | undefined =>
  journey.steps.find((step) => step.name === name)?.state;
