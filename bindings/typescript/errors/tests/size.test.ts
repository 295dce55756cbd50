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

/** The catalogue grows with every code; the rest is what somebody wrote. */
const tables = Promise.all([weight("ROWS", "catalogue.ts"), weight("ADVICE", "advice.ts")]);

test.each([
  ["decide", "index.ts", 600],
  ["fromResponse, match", "index.ts", 3800],
  ["createFetch", "index.ts", 4500],
  ["MailyErrorBoundary, useMailyError", "react.tsx", 2800],
  [
    "Budget, MailyError, addCause, createFetch, decide, formatCauses, formatTraceparent, fromResponse, fromZod, match, parseTraceparent",
    "index.ts",
    5000,
  ],
])("%s of %s is small", async (names, module, limit) => {
  const [catalogue] = await tables;

  const bytes = await weight(names, module);

  console.info(`${names}: ${bytes} bytes, ${catalogue} of them the catalogue`);
  expect(bytes - catalogue).toBeLessThanOrEqual(limit);
});

test("sentences for people are carried by nobody who does not show them", async () => {
  const [catalogue, advice] = await tables;

  const without = await weight("createFetch, match", "index.ts");
  const both = await weight("advice, createFetch, match", "index.ts");

  console.info(`${both} bytes with all sentences`);
  expect(both - without).toBeGreaterThan(advice * 0.8);
  expect(without).toBeLessThan(catalogue + advice);
});
