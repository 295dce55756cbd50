// The journey beside the canvas: what the server is doing with the campaign, step by step.

import type { ReactElement } from "react";

import { duration } from "../ui/format.ts";
import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/store.ts";
import type { Feed } from "./feed.ts";
import { IntervalChart } from "./interval-chart.tsx";
import type { Draft, StepState, Verdict } from "./model.ts";
import type { Journey, Step } from "./reducer.ts";
import { hasBegun } from "./reducer.ts";

const Marker = ({ state }: { readonly state: StepState }): ReactElement => (
  <span className="step-marker" data-state={state}>
    {state === "done" && <Icon name="check" />}
    {state === "failed" && <Icon name="close" />}
  </span>
);

/** Colour and word of a verdict's state; one that is new to this page is shown as it is. */
const STATES: Readonly<Record<string, readonly [tone: "good" | "warn" | "bad", label: string]>> = {
  intact: ["good", "Intact"],
  intact_with_additions: ["warn", "Added to"],
  changed: ["bad", "Changed"],
  unproven: ["bad", "Not proven"],
  missing: ["warn", "No proof"],
};

const Verdicts = ({ verdicts }: { readonly verdicts: readonly Verdict[] }): ReactElement => (
  <ul className="verdicts" aria-label="Verdicts">
    {verdicts.map(({ copy, state, title }) => {
      const [tone, label] = STATES[state] ?? ["warn", state];
      return (
        <li key={copy}>
          <span className="verdict-copy">{copy}</span>
          <span className={`badge ${tone}`}>{label}</span>
          <span className="verdict-title">{title}</span>
        </li>
      );
    })}
  </ul>
);

const Copy = ({ draft, streaming }: { readonly draft: Draft; readonly streaming: boolean }): ReactElement => (
  <blockquote className="draft" data-streaming={streaming || undefined}>
    {draft.subject && <strong>{draft.subject}</strong>}
    {draft.text}
  </blockquote>
);

/** What a step shows as more than text; `null` when there is nothing yet. */
const drawn = (step: Step, { draft, subjects, verdicts }: Journey): ReactElement | null => {
  if (step.name === "mesh" && draft) return <Copy draft={draft} streaming={step.state === "running"} />;
  if (step.name === "analytics" && subjects.length > 0) return <IntervalChart subjects={subjects} />;
  if (step.name === "verify" && verdicts.length > 0) return <Verdicts verdicts={verdicts} />;
  return null;
};

const Detail = ({
  text,
  folded,
}: {
  readonly text: string;
  readonly folded: boolean;
}): ReactElement | null => {
  if (!text) return null;
  const lines = <p className="step-detail">{text}</p>;
  if (!folded) return lines;
  return (
    <details className="fold">
      <summary>Details</summary>
      {lines}
    </details>
  );
};

const StepItem = ({ step, journey }: { readonly step: Step; readonly journey: Journey }): ReactElement => {
  const figure = drawn(step, journey);
  return (
    <li className="step" data-state={step.state} data-step={step.name}>
      <Marker state={step.state} />
      <div className="step-body">
        <div className="step-head">
          <h3>{step.title}</h3>
          <span className="unseen">, {step.state}</span>
          {step.elapsedMs ? <span className="time">{duration(step.elapsedMs)}</span> : null}
        </div>
        {figure}
        {/* The text of a finished step repeats what is drawn, for terminals. */}
        <Detail text={step.detail} folded={figure !== null && step.state === "done"} />
      </div>
    </li>
  );
};

const Locked = ({ feed }: { readonly feed: Feed }): ReactElement => (
  <div className="idle">
    <p>The server shows its journey to those who have a key.</p>
    <button type="button" className="button small" onClick={feed.retry}>
      Enter the key
    </button>
  </div>
);

const Idle = ({ journey, feed }: { readonly journey: Journey; readonly feed: Feed }): ReactElement => (
  <div className="idle">
    <p>
      No journey is running; start one with <code>cargo xtask demo</code>.
    </p>
    <p className="quiet">
      {journey.link === "open"
        ? "This panel is connected and fills by itself."
        : "This server offers no live journey, or is not reachable. The panel keeps trying."}
    </p>
    {journey.link === "closed" && (
      <button type="button" className="button small" onClick={feed.retry}>
        Try again
      </button>
    )}
  </div>
);

const LINKS: Readonly<Record<Journey["link"], string>> = {
  connecting: "Connecting",
  open: "Live",
  closed: "Not connected",
};

export const JourneyPanel = ({ feed }: { readonly feed: Feed }): ReactElement => {
  const journey = useStore(feed.journey);
  const { needed } = useStore(feed.need);
  const idle = !needed && !hasBegun(journey) && journey.link !== "connecting";
  return (
    // Scrolls on its own, so the keyboard must be able to get here.
    <aside className="journey" aria-labelledby="journey-title" tabIndex={0}>
      <header className="section-head">
        <h2 id="journey-title">Journey</h2>
        <span className="mark" data-phase={journey.link === "open" ? "synced" : journey.link}>
          {LINKS[journey.link]}
        </span>
      </header>
      {needed && <Locked feed={feed} />}
      {idle && <Idle journey={journey} feed={feed} />}
      <ol className="steps">
        {journey.steps.map((step) => (
          <StepItem key={step.name} step={step} journey={journey} />
        ))}
      </ol>
    </aside>
  );
};
