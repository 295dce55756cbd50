// Answers in: whatever came, an error comes out. Nothing here throws.

import { type Cause, hexId, parseCauses, readCauses } from "./causes.js";
import { BLANK, type Code, codeOfStatus, entry, isCode, ownName } from "./code.js";
import { type Details, MailyError } from "./error.js";
import { readViolations } from "./violation.js";

/** Headers as `fetch` gives them, or as a plain object with names in lower case. */
export type HeadersLike = { get(name: string): string | null } | Readonly<Record<string, string | undefined>>;

/** How many bytes of a body are read; a longer one is no problem document. */
export const MAX_BODY_BYTES = 65_536;
/** How many levels a body may nest. */
export const MAX_DEPTH = 127;

/**
 * Reads an answer of status 400 or more. Never throws: what is no problem document (RFC 9457) becomes the code of its
 * status where proxies answer so (408, 429, 502, 503, 504), else `malformed-problem`.
 */
export function parseProblem(status: number, headers: HeadersLike, body: string | Uint8Array): MailyError {
  const header = headerOf(headers);
  const text = isJson(header("content-type")) ? decode(body) : undefined;
  const problem = text === undefined ? undefined : parseObject(text);
  const whole = whole64(status, 400, 599) ?? 500;
  const fromHeader = { causes: parseCauses(header("maily-causes")), retryAfterMs: delayOf(header("retry-after")) };
  if (!problem || saysNothing(problem)) {
    const code = PROXY_ANSWERS.includes(whole) ? codeOfStatus(whole) : "malformed-problem";
    return new MailyError(code, { status: whole, ...fromHeader });
  }
  const own = {
    status: member(problem, "status") ?? whole,
    detail: member(problem, "detail"),
    traceId: hexId(problem["trace_id"], 32),
    retryAfterMs: member(problem, "retry_after_ms") ?? fromHeader.retryAfterMs,
    violations: readViolations(problem["errors"]),
    context: contextOf(problem["context"]),
    causes: nonEmpty(readCauses(problem["causes"])) ?? fromHeader.causes,
    document: text,
  } satisfies Details;
  const { code, ours, unknown } = codeOf(problem, own.status);
  // Ours always name a delay when a repetition may help: its absence says that somebody spent the retries.
  const temporary = entry(code).retryable && (!ours || own.retryAfterMs !== undefined);
  return new MailyError(code, { ...own, unknown, temporary });
}

/** Reads a response of status 400 or more, at most 64 KiB of its body. Never throws, and never rejects. */
export async function fromResponse(response: Response): Promise<MailyError> {
  let body: Uint8Array = new Uint8Array();
  try {
    body = await read(response);
  } catch {
    // A body that breaks off is no problem document; the status still says something.
  }
  return parseProblem(response.status, response.headers, body);
}

/** The code that an error acts as, and whether a service of ours chose it. */
function codeOf(problem: Members, status: number): { code: Code; ours: boolean; unknown?: Details["unknown"] } {
  const [name, number] = [ownName(problem), member(problem, "number")];
  if (name === undefined) return { code: codeOfStatus(status), ours: false };
  if (isCode(name)) return { code: name, ours: true };
  return { code: codeOfStatus(status), ours: true, unknown: { code: name, ...(number !== undefined && { number }) } };
}

/** A blank type and an empty title are as good as none. */
function saysNothing(problem: Members): boolean {
  const [type, title] = [member(problem, "type") ?? BLANK, member(problem, "title") ?? ""];
  return type === BLANK && title === "" && member(problem, "status") === undefined && member(problem, "code") === undefined;
}

type Members = Readonly<Record<string, unknown>>;

/** A member of the type that its definition says; another one is ignored (RFC 9457, section 3.1). */
function member(problem: Members, name: "type" | "title" | "detail" | "code"): string | undefined;
function member(problem: Members, name: "status" | "number" | "retry_after_ms"): number | undefined;
function member(problem: Members, name: string): string | number | undefined;
function member(problem: Members, name: string): string | number | undefined {
  const value = problem[name];
  if (name === "status") return whole64(value, 400, 599);
  if (name === "number") return whole64(value, 0, 65_535);
  if (name === "retry_after_ms") return whole64(value, 0, Number.MAX_SAFE_INTEGER);
  return typeof value === "string" ? value : undefined;
}

function whole64(value: unknown, min: number, max: number): number | undefined {
  // Adding 0 makes -0 a plain 0.
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max ? (value as number) + 0 : undefined;
}

function contextOf(value: unknown): Record<string, string | number | boolean> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  const shown = Object.entries(value).filter(([, one]) => ["string", "number", "boolean"].includes(typeof one));
  return Object.fromEntries(shown);
}

function nonEmpty(causes: Cause[]): Cause[] | undefined {
  return causes.length > 0 ? causes : undefined;
}

function headerOf(headers: HeadersLike): (name: string) => string {
  return (name) => {
    const { get } = Object(headers) as { get?: unknown };
    const value = typeof get === "function" ? get.call(headers, name) : (Object(headers) as Members)[name];
    return typeof value === "string" ? value.trim() : "";
  };
}

/** Whole seconds; a date is ignored, for clocks differ. */
function delayOf(header: string): number | undefined {
  return /^\d+$/.test(header) ? whole64(Number(header) * 1000, 0, Number.MAX_SAFE_INTEGER) : undefined;
}

function isJson(type: string): boolean {
  const essence = (type.split(";")[0] ?? "").trim().toLowerCase();
  return essence === "application/json" || essence.endsWith("+json");
}

function decode(body: string | Uint8Array): string | undefined {
  try {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    if (bytes.length > MAX_BODY_BYTES) return undefined;
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parseObject(text: string): Members | undefined {
  try {
    const value: unknown = depth(text) > MAX_DEPTH ? undefined : JSON.parse(text.replace(ESCAPE, wholePair));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}

/** Half of a surrogate pair, as in a text that was cut within an emoji, is read as U+FFFD. */
function wholePair(escape: string, half: string | undefined): string {
  return half === undefined ? escape : "\\ufffd";
}

/** How deep JSON nests; of text that is no JSON, any number. */
function depth(text: string): number {
  let level = 0;
  let deepest = 0;
  let quoted = false;
  // Each character once: an expression would begin anew at every quote of a text that has no end.
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    else if (quoted) at += char === "\\" ? 1 : 0;
    else if (char === "[" || char === "{") deepest = Math.max(deepest, ++level);
    else if (char === "]" || char === "}") level--;
  }
  return deepest;
}

async function read(response: Response): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (reader && length <= MAX_BODY_BYTES) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  // What is too long is not read to its end.
  if (length > MAX_BODY_BYTES) await reader?.cancel();
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** An escape: a surrogate pair, half of one, or any other. */
const ESCAPE = /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|[^])/g;

/** Statuses that proxies answer by themselves. */
const PROXY_ANSWERS: readonly number[] = [408, 429, 502, 503, 504];
