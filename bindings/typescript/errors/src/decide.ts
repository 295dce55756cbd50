// Again, or not: the same decision in Rust, Python and TypeScript.

import { type Code, entry } from "./code.js";

/** How often and how late a request is repeated at most. */
export interface Policy {
  /** Repetitions, not counting the first try. */
  readonly maxRetries: number;
  /** The longest wait before one of them, in milliseconds. */
  readonly maxDelayMs: number;
}

/** Three repetitions, each at most 30 seconds later. */
export const DEFAULT_POLICY: Policy = { maxRetries: 3, maxDelayMs: 30_000 };

/** What of a request matters for its repetition. */
export interface Request {
  /** Whether a second one is harmless. A request is not idempotent unless this says so. */
  readonly idempotent?: boolean;
  /** The repetitions done so far. */
  readonly attempt?: number;
  readonly policy?: Policy;
  /** From 0 to below 1: where in its range the delay lies. */
  readonly random?: number;
}

/** Whether to send the request again: after how many milliseconds, or why not. */
export type Decision =
  | { readonly retry: true; readonly delayMs: number }
  | { readonly retry: false; readonly reason: Reason };

/** Why a request is not sent again. */
export type Reason = "not-temporary" | "never" | "not-idempotent" | "spent" | "too-long";

/**
 * Decides whether to send a request again.
 *
 * A delay that the other side named is kept exactly, or not waited for at all. Otherwise the delay is random in a range
 * that begins at the code's backoff and doubles with each repetition ("full jitter").
 */
export function decide(
  error: { readonly code: Code; readonly temporary: boolean; readonly retryAfterMs?: number | undefined },
  { idempotent = false, attempt = 0, policy = DEFAULT_POLICY, random = Math.random() }: Request = {},
): Decision {
  const { safeWhen, backoffMs } = entry(error.code);
  const no = (reason: Reason): Decision => ({ retry: false, reason });
  if (!error.temporary) return no("not-temporary");
  if (safeWhen === "never") return no("never");
  if (safeWhen === "idempotent" && !idempotent) return no("not-idempotent");
  if (attempt >= policy.maxRetries) return no("spent");
  if (error.retryAfterMs !== undefined) {
    return error.retryAfterMs > policy.maxDelayMs ? no("too-long") : { retry: true, delayMs: error.retryAfterMs };
  }
  return { retry: true, delayMs: Math.floor(random * Math.min(policy.maxDelayMs, backoffMs * 2 ** attempt)) };
}

/**
 * Bounds the repetitions of all requests to one service together, so that they do not multiply its load.
 *
 * Each request pays in a share of a repetition, and time pays in a few for each second, so that a quiet client may
 * repeat too. What was not used is kept, up to 1000. It begins with what one second pays in.
 */
export class Budget {
  #balance: number;
  #paidUntil: number;
  readonly #share: number;
  readonly #perSecond: number;
  readonly #now: () => number;

  constructor({
    share = 0.1,
    perSecond = 10,
    now = () => performance.now(),
  }: { readonly share?: number; readonly perSecond?: number; readonly now?: () => number } = {}) {
    this.#share = share;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#balance = perSecond;
    this.#paidUntil = now();
  }

  /** Notes a request. Call it once for each, before the first attempt. */
  payIn(): void {
    this.#settle(this.#share);
  }

  /** Takes out one repetition; false means that the budget is spent. */
  take(): boolean {
    this.#settle(0);
    const paid = this.#balance >= 1;
    if (paid) this.#balance -= 1;
    return paid;
  }

  #settle(share: number): void {
    const now = this.#now();
    const earned = ((now - this.#paidUntil) / 1000) * this.#perSecond;
    this.#balance = Math.min(1000, this.#balance + earned + share);
    this.#paidUntil = now;
  }
}
