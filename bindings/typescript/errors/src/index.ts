// The errors of Maily: problem documents in, a discriminated union out, and the decision whether to try again.

import { ADVICE } from "./advice.js";
import type { Code } from "./code.js";

export {
  type Cause,
  MAX_CAUSES,
  addCause,
  formatCauses,
  parseCauses,
} from "./causes.js";
export { type Class, type Code, type Entry, type Kind, type SafeWhen, codes, docsUrl, entry, isCode } from "./code.js";
export { Budget, DEFAULT_POLICY, type Decision, type Policy, type Reason, type Request, decide } from "./decide.js";
export {
  type ByCode,
  type ByKind,
  type Details,
  MailyError,
  type OfKind,
  isMailyError,
  isRetryable,
  match,
  matchKind,
} from "./error.js";
export { type FetchOptions, createFetch } from "./fetch.js";
export { type HeadersLike, MAX_BODY_BYTES, fromResponse, parseProblem } from "./problem.js";
export { type TraceContext, formatTraceparent, parseTraceparent } from "./trace.js";
export { type Issues, type Violation, fromZod, pointer } from "./violation.js";

/** Returns what usually leads to a code, and what to do about it, in sentences for a person. */
export function advice(code: Code): { readonly cause: string; readonly fix: string } {
  const [cause, fix] = ADVICE[code];
  return { cause, fix };
}
