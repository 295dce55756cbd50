// Codes: stable names for what can go wrong.

import { ROWS } from "./catalogue.js";

type Rows = typeof ROWS;

/** The name of a code in the catalogue. Names never change. */
export type Code = keyof Rows;
/** The coarse meaning of a code: enough to decide what to do next. */
export type Kind = Rows[Code][1];
/** Who can do something about it: the caller, the operator, or time. */
export type Class = Rows[Code][4];
/** When the same request may be sent again. */
export type SafeWhen = "always" | "idempotent" | "never";

/** What the catalogue says about a code. With a literal code every member that a caller decides by is literal too. */
export interface Entry<C extends Code = Code> {
  readonly code: C;
  /** The number, which never changes. */
  readonly number: Rows[C][0];
  readonly kind: Rows[C][1];
  /** The HTTP status, 400 to 599. */
  readonly httpStatus: Rows[C][2];
  /** The gRPC status, 1 to 16. */
  readonly grpcStatus: Rows[C][3];
  readonly class: Rows[C][4];
  readonly safeWhen: Rows[C][5];
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** How long to wait before the first repetition, unless the other side said otherwise. */
  readonly backoffMs: number;
  /** The part of Maily that owns the code. */
  readonly domain: Rows[C][7];
  /** One sentence without full stop, the same for each occurrence. */
  readonly title: string;
  /** The page that says cause and fix. */
  readonly docsUrl: string;
}

/** Returns what the catalogue says about a code. */
export function entry<C extends Code>(code: C): Entry<C> {
  // Through one plain row: to take a generic one apart costs the compiler seconds with some hundred codes.
  const [number, kind, httpStatus, grpcStatus, cls, safeWhen, backoffMs, domain, title]: Row = ROWS[code];
  const known = { code, number, kind, httpStatus, grpcStatus, class: cls, safeWhen, backoffMs, domain, title };
  return { ...known, retryable: safeWhen !== "never", docsUrl: docsUrl(code) } as Entry<C>;
}

/** All codes, by number. */
export const codes: readonly Code[] = /* @__PURE__ */ Object.keys(ROWS) as Code[];

/** Says whether the catalogue has this code. */
export function isCode(name: unknown): name is Code {
  return typeof name === "string" && Object.hasOwn(ROWS, name);
}

/** Returns the name in a document of a service of ours, which the catalogue may lack; none of a foreign document. */
export function ownName(problem: Readonly<Record<string, unknown>>): string | undefined {
  // What is of another type than its definition says is ignored (RFC 9457, section 3.1).
  const [type, code] = [problem["type"], problem["code"]].map((value) => (typeof value === "string" ? value : undefined));
  if (type?.startsWith(TYPE_PREFIX)) return code ?? type.slice(TYPE_PREFIX.length);
  const named = code ?? codes.find((known) => ROWS[known][0] === problem["number"]);
  return (type ?? BLANK) === BLANK && isCode(named) ? named : undefined;
}

/** Returns the code of an HTTP status whose answer names none. */
export function codeOfStatus(status: number): Code {
  return BY_STATUS[status] ?? (status >= 400 && status < 500 ? "invalid" : "unexpected");
}

/** Returns the page that says what a code means, its cause and what to do about it. */
export function docsUrl(code: Code, base: string = DOCS): string {
  return `${base}${code}.md`;
}

/** What every `type` of ours begins with; the name of the code follows. */
export const TYPE_PREFIX = "urn:maily:error:";
/** A `type` that says no more than the status. */
export const BLANK = "about:blank";

type Row = readonly [number, Kind, number, number, Class, SafeWhen, number, string, string];

const DOCS = "https://github.com/maily/maily/blob/main/docs/errors/";

const BY_STATUS: Readonly<Record<number, Code>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not-found",
  405: "unsupported",
  406: "unsupported",
  408: "timeout",
  409: "conflict",
  410: "not-found",
  412: "conflict",
  413: "too-large",
  414: "too-large",
  415: "unsupported",
  429: "throttled",
  431: "too-large",
  499: "canceled",
  501: "unsupported",
  502: "unavailable",
  503: "unavailable",
  504: "timeout",
};
