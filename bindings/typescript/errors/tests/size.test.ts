// What the package weighs in a bundle, for whoever takes only a part of it.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "vite";
import { expect, test } from "vitest";

/** Bytes, minified and with gzip, of a module that exports these names and nothing else. */
async function weight(names: string, module: string): Promise<number> {
  const entry = "virtual:entry";
  const source = `export { ${names} } from ${JSON.stringify(fileURLToPath(new URL(`../src/${module}`, import.meta.url)))};`;
  const built = await build({
    configFile: false,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [{ name: "entry", resolveId: (id) => (id === entry ? id : null), load: (id) => (id === entry ? source : null) }],
    build: {
      write: false,
      minify: true,
      rolldownOptions: {
        input: entry,
        preserveEntrySignatures: "strict",
        external: [/^react(?:\/|$)/, "react-error-boundary"],
        output: { format: "es", minify: true },
      },
    },
  });
  const { output } = [built].flat()[0] as { output: { code?: string }[] };
  return gzipSync(output.map(({ code = "" }) => code).join(""), { level: 9 }).length;
}

test.each([
  ["decide", "index.ts", 3500],
  ["fromResponse, match", "index.ts", 6300],
  ["createFetch", "index.ts", 7000],
  ["MailyErrorBoundary, useMailyError", "react.tsx", 5300],
  [
    "Budget, MailyError, addCause, advice, codes, createFetch, decide, formatCauses, formatTraceparent, fromResponse, fromZod, match, parseTraceparent",
    "index.ts",
    12_000,
  ],
])("%s of %s is small", async (names, module, limit) => {
  const bytes = await weight(names, module);

  console.info(`${names}: ${bytes} bytes`);
  expect(bytes).toBeLessThanOrEqual(limit);
  expect(bytes).toBeGreaterThan(limit / 2);
});
