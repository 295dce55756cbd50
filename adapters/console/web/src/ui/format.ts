// Numbers as a person reads them.

/** 12 → "12 ms", 1 234 → "1.2 s", 61 000 → "1 min 1 s". */
export const duration = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
};

/** 0.3174 → "31.7 %". */
export const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

/** 12345 → "12,345". */
export const count = (value: number): string => value.toLocaleString("en");
