// A `fetch` that answers with success or throws a `MailyError`, and repeats what may be repeated.

import { Budget, DEFAULT_POLICY, type Policy, type Reason } from "./decide.js";
import { MailyError, isMailyError } from "./error.js";
import { fromResponse } from "./problem.js";

/** How `createFetch` behaves. */
export interface FetchOptions {
  /** What sends a request; the global `fetch` unless given. */
  readonly fetch?: typeof globalThis.fetch;
  readonly policy?: Policy;
  /** Shared by all requests to one service; its own unless given. */
  readonly budget?: Budget;
  /** Waits; for tests. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to below 1; for tests. */
  readonly random?: () => number;
}

/**
 * Returns a `fetch` that resolves with answers below status 400 and rejects with a {@link MailyError} otherwise.
 *
 * A request is repeated as {@link decide} says, while the budget lasts. It is idempotent by its method, or by the header
 * `idempotency-key`; a body that is a stream can be sent only once. Once the retries are spent the error is no longer
 * temporary. `signal` ends the request and the waiting between two at any time, as `canceled` or `timeout`.
 */
export function createFetch(options: FetchOptions = {}): typeof globalThis.fetch {
  const { policy = DEFAULT_POLICY, budget = new Budget(), sleep = wait, random = Math.random } = options;
  return async (input, init) => {
    const send = options.fetch ?? globalThis.fetch;
    const request = make(input, init);
    const { signal } = request;
    const idempotent = SAFE_METHODS.includes(request.method) || request.headers.has("idempotency-key");
    const once = init?.body instanceof ReadableStream;
    budget.payIn();
    for (let attempt = 0; ; attempt++) {
      const last = once || attempt >= policy.maxRetries;
      const error = await attemptOnce(() => send(last ? request : request.clone()), signal);
      if (!isMailyError(error)) return error;
      const decision = error.decide({ idempotent, attempt, policy, random: random() });
      if (!decision.retry) throw attempt === 0 && UNSPENT.includes(decision.reason) ? error : error.intoPersistent();
      if (once || !budget.take()) throw error.intoPersistent();
      await sleep(decision.delayMs, signal).catch(() => {
        throw aborted(signal);
      });
    }
  };
}

async function attemptOnce(send: () => Promise<Response>, signal: AbortSignal): Promise<Response | MailyError> {
  try {
    const response = await send();
    if (response.status < 400) return response;
    const error = await fromResponse(response);
    return signal.aborted ? aborted(signal) : error;
  } catch (cause) {
    if (signal.aborted) return aborted(signal);
    return new MailyError("unavailable", { detail: "the service cannot be reached", cause });
  }
}

function make(input: RequestInfo | URL, init: RequestInit | undefined): Request {
  try {
    return new Request(input, init);
  } catch {
    // What the platform says quotes the whole URL, and that may hold a key.
    throw new MailyError("invalid", { detail: "the URL or the options of the request are not valid" });
  }
}

/** Nobody waits any more: whoever gets this error must not repeat the request. */
function aborted(signal: AbortSignal): MailyError {
  const cause: unknown = signal.reason;
  const late = cause instanceof DOMException && cause.name === "TimeoutError";
  return new MailyError(late ? "timeout" : "canceled", { temporary: false, cause });
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** Nothing was spent: whoever knows more about the request, or has more time, may repeat it. */
const UNSPENT: readonly Reason[] = ["not-idempotent", "too-long"];
/** Methods of which a second request does what the first did (RFC 9110, section 9.2.2). */
const SAFE_METHODS: readonly string[] = ["DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"];
