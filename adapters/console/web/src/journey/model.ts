// Frames of the live journey: one JSON text frame per event, as the server sends them.

export const STEPS = ["canvas", "mesh", "analytics", "export", "trust", "verify"] as const;
export type StepName = (typeof STEPS)[number];
export type StepState = "waiting" | "running" | "done" | "failed";

/** What the mesh has written so far. */
export interface Draft {
  readonly subject: string;
  readonly text: string;
}

/** A subject line with the probability that it is opened, and the interval around it. All in 0..=1. */
export interface Subject {
  readonly text: string;
  readonly probability: number;
  readonly low: number;
  readonly high: number;
  readonly chosen: boolean;
}

/** What verification said about one copy of the message. */
export interface Verdict {
  readonly copy: string;
  readonly state: string;
  readonly title: string;
}

export interface Frame {
  readonly seq: number;
  readonly step: StepName;
  readonly state: Exclude<StepState, "waiting">;
  readonly title: string;
  readonly detail: string;
  readonly elapsedMs: number | null;
  readonly draft: Draft | null;
  readonly subjects: readonly Subject[];
  readonly verdicts: readonly Verdict[];
}

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fields) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const finite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const part = (value: unknown, fallback: number): number =>
  finite(value) ? Math.min(Math.max(value, 0), 1) : fallback;

const draft = (data: Fields): Draft | null =>
  typeof data["draft"] === "string" ? { subject: text(data["subject"]), text: data["draft"] } : null;

const subject = (value: Fields): Subject => {
  const probability = part(value["probability"], 0);
  return {
    text: text(value["subject"]),
    probability,
    low: Math.min(part(value["low"], probability), probability),
    high: Math.max(part(value["high"], probability), probability),
    chosen: value["chosen"] === true,
  };
};

const verdict = (value: Fields): Verdict => ({
  copy: text(value["copy"]),
  state: text(value["state"]),
  title: text(value["title"]),
});

/** Reads one text frame; `null` when it is not one of ours. */
export const parse = (json: string): Frame | null => {
  let frame: Fields;
  try {
    frame = fields(JSON.parse(json));
  } catch {
    return null;
  }
  const step = STEPS.find((name) => name === frame["step"]);
  const state = (["running", "done", "failed"] as const).find((name) => name === frame["state"]);
  if (!finite(frame["seq"]) || step === undefined || state === undefined) return null;
  const data = fields(frame["data"]);
  return {
    seq: frame["seq"],
    step,
    state,
    title: text(frame["title"]),
    detail: text(frame["detail"]),
    elapsedMs: finite(frame["elapsed_ms"]) ? frame["elapsed_ms"] : null,
    draft: draft(data),
    subjects: list(data["scores"]).map(subject),
    verdicts: list(data["verdicts"]).map(verdict),
  };
};
