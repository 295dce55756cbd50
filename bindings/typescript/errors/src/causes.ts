// The chain of causes across services: bounded, safe against loops, in the body or in a header.

/** An error that a service met on its way. */
export interface Cause {
  /** Who answered it: 1 to 64 of `A-Z a-z 0-9 - _ . / :`. */
  readonly service: string;
  /** The name of the code there; this catalogue may lack it. */
  readonly code: string;
  /** The trace there: 32 lower-case hexadecimal digits. */
  readonly trace_id?: string;
  /** The span there: 16 lower-case hexadecimal digits. */
  readonly span_id?: string;
}

/** How many causes are kept: the nearest four and the farthest four. */
export const MAX_CAUSES = 8;

/** Puts an entry before a chain. What is malformed, or in the chain already, does not make it longer. */
export function addCause(entry: unknown, chain: readonly unknown[]): Cause[] {
  return readCauses([entry, ...chain]);
}

/** Reads a list of unknown origin. Never throws: an entry that is malformed is left out. */
export function readCauses(list: unknown): Cause[] {
  if (!Array.isArray(list)) return [];
  const seen = new Set<string>();
  const kept = list.map(readCause).filter((cause): cause is Cause => {
    const key = cause && `${cause.service} ${cause.code} ${cause.span_id}`;
    if (key === undefined || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  const half = MAX_CAUSES / 2;
  return kept.length > MAX_CAUSES ? [...kept.slice(0, half), ...kept.slice(-half)] : kept;
}

/**
 * Reads the header `maily-causes`, a list of RFC 9651. What does not parse, or is longer than 2048 bytes, is ignored
 * whole.
 */
export function parseCauses(header: string): Cause[] {
  if (header.length > MAX_HEADER) return [];
  const items: unknown[] = [];
  const rest = new Scanner(header.replace(/^ +| +$/g, ""));
  if (rest.done) return [];
  for (;;) {
    const value = rest.take(BARE);
    if (value === undefined) return [];
    const item: Record<string, unknown> = { service: text(value) };
    while (rest.take(SEMICOLON) !== undefined) {
      const key = rest.take(KEY);
      if (key === undefined) return [];
      const given = rest.take(EQUALS) === undefined ? "?1" : rest.take(BARE);
      if (given === undefined) return [];
      if (MEMBERS.includes(key)) item[key] = text(given);
    }
    items.push(item);
    if (rest.done) return readCauses(items);
    if (rest.take(COMMA) === undefined || rest.done) return [];
  }
}

/** Writes the header `maily-causes`. */
export function formatCauses(causes: readonly Cause[]): string {
  return readCauses(causes)
    .map(({ service, ...rest }) =>
      Object.entries(rest).reduce((item, [key, value]) => `${item};${key}="${value}"`, `"${service}"`),
    )
    .join(", ");
}

/** Returns 32 or 16 lower-case hexadecimal digits that are not all zero, or nothing. */
export function hexId(value: unknown, digits: 16 | 32): string | undefined {
  const fits = typeof value === "string" && value.length === digits && /^[0-9a-f]*[1-9a-f][0-9a-f]*$/.test(value);
  return fits ? value : undefined;
}

function readCause(value: unknown): Cause | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { service, code, trace_id, span_id } = value as Record<string, unknown>;
  if (!isName(service) || !isName(code)) return undefined;
  const trace = hexId(trace_id, 32);
  const span = hexId(span_id, 16);
  return { service, code, ...(trace && { trace_id: trace }), ...(span && { span_id: span }) };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && /^[\w\-./:]{1,64}$/.test(value);
}

/** The text of a string or a token; what is neither is no text. */
function text(item: string): string | undefined {
  if (item.startsWith('"')) return item.slice(1, -1).replace(/\\(.)/g, "$1");
  return /^[A-Za-z*]/.test(item) ? item : undefined;
}

class Scanner {
  #at = 0;
  readonly #input: string;

  constructor(input: string) {
    this.#input = input;
  }

  get done(): boolean {
    return this.#at === this.#input.length;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#input)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }
}

const MAX_HEADER = 2048;
const MEMBERS = ["code", "trace_id", "span_id"];
/** String, token, number or boolean (RFC 9651, section 3.3). */
const BARE = /"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][\w!#$%&'*+\-.^`|~:/]*|-?\d{1,12}\.\d{1,3}(?!\d)|-?\d{1,15}(?![\d.])|\?[01]/y;
const SEMICOLON = /; */y;
const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const EQUALS = /=/y;
const COMMA = /[ \t]*,[ \t]*/y;
