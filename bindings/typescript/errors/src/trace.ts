// W3C Trace Context: which trace and span a request belongs to.

import { hexId } from "./causes.js";

/** Where in a trace a request was sent. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly trace_id: string;
  /** 16 lower-case hexadecimal digits. */
  readonly span_id: string;
  readonly sampled: boolean;
  /** The flags as they came, 0 to 255. */
  readonly flags: number;
}

/** Reads the header `traceparent`; what does not parse is ignored. */
export function parseTraceparent(header: string): TraceContext | undefined {
  const [, version, trace, span, hex, more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header) ?? [];
  const [trace_id, span_id] = [hexId(trace, 32), hexId(span, 16)];
  if (!trace_id || !span_id || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const flags = Number.parseInt(hex ?? "0", 16);
  return { trace_id, span_id, sampled: (flags & 1) === 1, flags };
}

/** Writes the header `traceparent`, version 00: of the flags only those that it defines. */
export function formatTraceparent({ trace_id, span_id, flags }: Pick<TraceContext, "trace_id" | "span_id" | "flags">): string {
  return `00-${trace_id}-${span_id}-${(flags & 3).toString(16).padStart(2, "0")}`;
}
