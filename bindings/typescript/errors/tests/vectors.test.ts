// What Rust, Python and TypeScript agree on: the golden vectors, every one of them.

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import {
  type Cause,
  type Code,
  MailyError,
  type Policy,
  addCause,
  decide,
  entry,
  formatCauses,
  formatTraceparent,
  parseCauses,
  parseProblem,
  parseTraceparent,
  pointer,
} from "../src/index.js";
import { codeOfStatus } from "../src/code.js";

interface Part {
  readonly text: string;
  readonly times: number;
}

interface Problem {
  readonly name: string;
  readonly in: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body?: string;
    readonly body_hex?: string;
    readonly body_parts?: readonly Part[];
  };
  readonly out: Record<string, unknown>;
}

interface Decision {
  readonly name: string;
  readonly error: { readonly code: Code; readonly temporary: boolean; readonly retry_after_ms: number | null };
  readonly idempotent: boolean;
  readonly attempt: number;
  readonly random: number;
  readonly policy?: { readonly max_retries: number; readonly max_delay_ms: number };
  readonly out: Record<string, unknown>;
}

interface Vectors {
  readonly statuses: readonly (readonly [number, Code])[];
  readonly problems: readonly Problem[];
  readonly decisions: {
    readonly default_policy: { readonly max_retries: number; readonly max_delay_ms: number };
    readonly cases: readonly Decision[];
  };
  readonly causes: {
    readonly add: readonly { readonly name: string; readonly entry: Cause; readonly chain: Cause[]; readonly out: Cause[] }[];
    readonly header: readonly {
      readonly name: string;
      readonly header?: string;
      readonly header_parts?: readonly Part[];
      readonly out: Cause[];
      readonly format?: boolean;
    }[];
  };
  readonly traceparent: readonly {
    readonly in: string;
    readonly out: Record<string, unknown> | null;
    readonly format?: string;
  }[];
  readonly violations: {
    readonly paths: readonly { readonly path: (string | number)[]; readonly pointer: string }[];
  };
}

const file = new URL("../../../../crates/errors/tests/wire/vectors.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;

const joined = (parts: readonly Part[] = []): string => parts.map(({ text, times }) => text.repeat(times)).join("");

test.each(vectors.statuses)("status %i acts as %s", (status, code) => {
  expect(codeOfStatus(status)).toBe(code);
});

describe("problems", () => {
  const seen = (input: Problem["in"], body: string | Uint8Array): Record<string, unknown> => {
    const error = parseProblem(input.status, new Headers(input.headers), body);
    const { unknown } = error;
    return {
      code: unknown?.code ?? error.code,
      number: unknown ? (unknown.number ?? null) : error.entry.number,
      known: unknown === undefined,
      acts_as: error.code,
      kind: error.kind,
      status: error.status,
      detail: error.detail ?? null,
      temporary: error.temporary,
      retry_after_ms: error.retryAfterMs ?? null,
      trace_id: error.traceId ?? null,
      violations: error.violations,
      context: error.context,
      causes: error.causes,
    };
  };

  test.each(vectors.problems)("$name", ({ in: input, out }) => {
    const body = input.body ?? (input.body_hex ? Buffer.from(input.body_hex, "hex") : joined(input.body_parts));
    const absent = { detail: null, retry_after_ms: null, trace_id: null, violations: [], context: {}, causes: [] };

    const error = seen(input, body);

    expect(error).toEqual({ known: true, acts_as: out["code"], temporary: false, ...absent, ...out });
  });

  test.each(vectors.problems)("$name: goes on unchanged", ({ in: input }) => {
    const document = input.body ?? "";
    const error = parseProblem(input.status, input.headers, document);

    if (error.document !== undefined) expect(error.document).toBe(document);
    if (error.document !== undefined) expect(error.toJSON()).toEqual(JSON.parse(document));
    expect(parseProblem(error.status, { "content-type": "application/problem+json" }, JSON.stringify(error)).code).toBe(error.code);
  });
});

describe("decisions", () => {
  const policy = ({ max_retries, max_delay_ms }: { max_retries: number; max_delay_ms: number }): Policy => ({
    maxRetries: max_retries,
    maxDelayMs: max_delay_ms,
  });

  test.each(vectors.decisions.cases)("$name", ({ error, idempotent, attempt, random, out, ...rest }) => {
    const { code, temporary, retry_after_ms } = error;
    const details = { temporary, retryAfterMs: retry_after_ms ?? undefined };

    const decision = decide(new MailyError(code, details), {
      idempotent,
      attempt,
      random,
      ...(rest.policy && { policy: policy(rest.policy) }),
    });

    expect(decision.retry ? { retry: true, delay_ms: decision.delayMs } : decision).toEqual(out);
    expect(policy(vectors.decisions.default_policy)).toEqual({ maxRetries: 3, maxDelayMs: 30_000 });
  });
});

describe("causes", () => {
  test.each(vectors.causes.add)("$name", ({ entry, chain, out }) => {
    expect(addCause(entry, chain)).toEqual(out);
  });

  test.each(vectors.causes.header)("header: $name", ({ header, header_parts, out, format }) => {
    const text = header ?? joined(header_parts);

    expect(parseCauses(text)).toEqual(out);
    if (format) expect(formatCauses(out)).toBe(text);
  });
});

test.each(vectors.traceparent)("traceparent $in", ({ in: header, out, format }) => {
  const context = parseTraceparent(header);

  expect(context ? { trace_id: context.trace_id, span_id: context.span_id, sampled: context.sampled } : null).toEqual(out);
  if (context) expect(formatTraceparent(context)).toBe(format);
});

test.each(vectors.violations.paths)("pointer $pointer", ({ path, pointer: expected }) => {
  expect(pointer(path)).toBe(expected);
});

test("every code comes back as itself", () => {
  for (const code of vectors.statuses.map(([, code]) => code)) {
    const sent = new MailyError(code);
    const back = parseProblem(sent.status, { "content-type": "application/problem+json" }, JSON.stringify(sent));

    expect([back.code, back.temporary, back.status]).toEqual([code, entry(code).retryable, sent.status]);
  }
});
