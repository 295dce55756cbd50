// Violations: which field of the input is wrong, by JSON Pointer.

/** A field of the input that is wrong. */
export interface Violation {
  /** Where: a JSON Pointer (RFC 6901) into the input. */
  readonly pointer: string;
  /** What is wrong with it. */
  readonly detail: string;
  /** Which rule it breaks. */
  readonly code?: string;
}

/** What zod says about an input that it refuses; the shape alone counts, so any version 3 or 4 fits. */
export interface Issues {
  readonly issues: readonly {
    readonly path: readonly PropertyKey[];
    readonly message: string;
    readonly code?: string | undefined;
    readonly keys?: readonly string[];
  }[];
}

/** Returns the JSON Pointer (RFC 6901) of a path. */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** Turns what zod refuses into violations. Keys that nobody knows are one violation each, at the key. */
export function fromZod({ issues }: Issues): Violation[] {
  return issues.flatMap(({ path, message, code, keys }) => {
    const paths = code === "unrecognized_keys" && keys ? keys.map((key) => [...path, key]) : [path];
    return paths.map((at) => ({ pointer: pointer(at), detail: message, ...(code !== undefined && { code }) }));
  });
}

/** Reads a list of unknown origin; what is broken is left out. */
export function readViolations(list: unknown): Violation[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    const { pointer, detail, code } = Object(item) as Record<string, unknown>;
    if (typeof pointer !== "string") return [];
    const text = typeof detail === "string" ? detail : "";
    return [{ pointer, detail: text, ...(typeof code === "string" && { code }) }];
  });
}
