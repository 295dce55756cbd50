// The error: one class, whose type is a union over the codes.

import type { Cause } from "./causes.js";
import { type Code, type Entry, type Kind, TYPE_PREFIX, entry, ownName } from "./code.js";
import { type Decision, type Request, decide } from "./decide.js";
import type { Violation } from "./violation.js";

/** What is known of an error beside its code. All of it may be shown: secrets belong into `cause`, or nowhere. */
export interface Details {
  /** What went wrong here; the title of the code unless given. */
  readonly detail?: string | undefined;
  /** The fields of the input that are wrong. */
  readonly violations?: readonly Violation[];
  /** Values that explain the error. */
  readonly context?: Readonly<Record<string, string | number | boolean>>;
  /** How long the other side asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the same request may succeed later, and nobody has spent the retries. As the code says unless given. */
  readonly temporary?: boolean;
  /** The HTTP status; that of the code unless given. */
  readonly status?: number;
  /** The trace in which it happened, as 32 hexadecimal digits. */
  readonly traceId?: string | undefined;
  /** What the services behind met, the nearest first. */
  readonly causes?: readonly Cause[];
  /** A code of ours that this catalogue lacks: a newer service sent it. */
  readonly unknown?: { readonly code: string; readonly number?: number } | undefined;
  /** The document that this error was read from, as it came. */
  readonly document?: string | undefined;
  /** What led here. For the log: neither `toString` nor `toJSON` shows it. */
  readonly cause?: unknown;
}

class Failure<C extends Code> extends Error {
  /** What went wrong, precisely: a code that this catalogue has. Decide by it, or by `kind`. */
  readonly code: C;
  /** What went wrong, coarsely. */
  readonly kind: Entry<C>["kind"];
  /** The HTTP status. */
  readonly status: number;
  readonly detail: string | undefined;
  readonly temporary: boolean;
  readonly retryAfterMs: number | undefined;
  readonly traceId: string | undefined;
  readonly violations: readonly Violation[];
  readonly context: Readonly<Record<string, string | number | boolean>>;
  readonly causes: readonly Cause[];
  readonly unknown: Details["unknown"];
  readonly document: string | undefined;

  constructor(code: C, details: Details = {}) {
    const known = entry(code);
    super(details.detail ?? known.title, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.kind = known.kind;
    this.status = details.status ?? known.httpStatus;
    this.detail = details.detail;
    this.temporary = details.temporary ?? known.retryable;
    this.retryAfterMs = details.retryAfterMs;
    this.traceId = details.traceId;
    this.violations = details.violations ?? [];
    this.context = details.context ?? {};
    this.causes = details.causes ?? [];
    this.unknown = details.unknown;
    this.document = details.document;
    // For the log, not for whoever lists the members.
    Object.defineProperty(this, "document", { enumerable: false });
  }

  /** What the catalogue says about the code. */
  get entry(): Entry<C> {
    return entry(this.code);
  }

  /** The page that says what the code means, its cause and what to do about it. */
  get docsUrl(): string {
    return this.entry.docsUrl;
  }

  /** Whether to send the request again, and when. */
  decide(request?: Request): Decision {
    return decide(this, request);
  }

  /** Returns this error as one whose retries are spent, so that whoever is outside does not repeat it again. */
  intoPersistent(): Failure<C> {
    if (!this.temporary) return this;
    const spent = { ...this, cause: this.cause, temporary: false, retryAfterMs: undefined };
    if (this.document === undefined) return new Failure(this.code, spent);
    const told = this.toJSON();
    // Ours goes on with every member but the delay: its absence is what says that the retries are spent. A foreign one
    // cannot say so, and goes along in one of ours.
    const own = (): object => ({ ...new Failure(this.code, { ...spent, document: undefined }).toJSON(), upstream: told });
    const said = ownName(told) === undefined ? own() : { ...told, retry_after_ms: undefined };
    return new Failure(this.code, { ...spent, document: JSON.stringify(said) });
  }

  /** Message and code, nothing else. */
  override toString(): string {
    return `${this.message} (${this.unknown?.code ?? this.code})`;
  }

  /** The problem document (RFC 9457): the one that came, or one of what may be shown. */
  toJSON(): Record<string, unknown> {
    if (this.document !== undefined) return JSON.parse(this.document) as Record<string, unknown>;
    const { number, title, backoffMs } = this.entry;
    const some = <T extends object>(value: T): T | undefined => (Object.keys(value).length > 0 ? value : undefined);
    const name = this.unknown?.code ?? this.code;
    const members = {
      type: `${TYPE_PREFIX}${name}`,
      title,
      status: this.status,
      detail: this.detail,
      code: name,
      number: this.unknown ? this.unknown.number : number,
      retry_after_ms: this.temporary ? (this.retryAfterMs ?? backoffMs) : undefined,
      errors: some(this.violations),
      context: some(this.context),
      trace_id: this.traceId,
      causes: some(this.causes),
    };
    return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
  }

  /** Answers with this error: status, problem document (byte for byte the one that came), `Retry-After`. */
  toResponse(): Response {
    const delay = this.toJSON()["retry_after_ms"];
    const headers = new Headers({ "content-type": "application/problem+json" });
    if (typeof delay === "number") headers.set("retry-after", String(Math.ceil(delay / 1000)));
    return new Response(this.document ?? JSON.stringify(this), { status: this.status, headers });
  }
}

Object.defineProperties(Failure.prototype, {
  name: { value: "MailyError" },
  [Symbol.for("maily.error")]: { value: true },
});

/** An error of Maily. Narrow it by `code` or `kind`; every code of the catalogue is one member of the union. */
export type MailyError<C extends Code = Code> = { [K in C]: Failure<K> }[C];

/** Makes errors; `instanceof` narrows to the union. */
export const MailyError: {
  new <C extends Code>(code: C, details?: Details): MailyError<C>;
  readonly prototype: MailyError;
} = Failure as never;

/** Says whether a value is an error of Maily, also one of another copy of this package. */
export function isMailyError(value: unknown): value is MailyError {
  return typeof value === "object" && value !== null && Symbol.for("maily.error") in value;
}

/** Says whether the request that failed may be sent again. */
export function isRetryable(error: unknown, request?: Request): boolean {
  return isMailyError(error) && decide(error, request).retry;
}

/** Functions by code, each for the error of that code: all codes, or some and `_` for the others. */
export type ByCode =
  | { readonly [C in Code]: (error: MailyError<C>) => unknown }
  | ({ readonly [C in Code]?: (error: MailyError<C>) => unknown } & { readonly _: (error: MailyError) => unknown });

/** An error of one kind. */
export type OfKind<K extends Kind> = Extract<MailyError, { kind: K }>;

/** Functions by kind, each for the errors of that kind: all kinds, or some and `_` for the others. */
export type ByKind =
  | { readonly [K in Kind]: (error: OfKind<K>) => unknown }
  | ({ readonly [K in Kind]?: (error: OfKind<K>) => unknown } & { readonly _: (error: MailyError) => unknown });

/** Refuses a function for what the union does not have. */
type Only<H, K> = { readonly [P in keyof H]: P extends K | "_" ? unknown : never };

type Answer<H> = H[keyof H] extends (error: never) => infer R ? R : never;

/** Calls the function of the error's code. A code without function, and no `_`, is an error of type. */
export function match<const H extends ByCode>(error: MailyError, handlers: H & Only<H, Code>): Answer<H> {
  return pick(handlers, error.code)(error) as Answer<H>;
}

/** Calls the function of the error's kind. A kind without function, and no `_`, is an error of type. */
export function matchKind<const H extends ByKind>(error: MailyError, handlers: H & Only<H, Kind>): Answer<H> {
  return pick(handlers, error.kind)(error) as Answer<H>;
}

function pick(handlers: object, key: string): (error: MailyError) => unknown {
  const all = handlers as Record<string, (error: MailyError) => unknown>;
  const handler = Object.hasOwn(all, key) ? all[key] : all["_"];
  // Only plain JavaScript gets here: the types leave no code out.
  return handler ?? ((error) => { throw error; });
}
