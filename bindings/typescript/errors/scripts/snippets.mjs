// Writes the TypeScript of the documentation to `tests/snippets`, where it is compiled and run like any test.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const PAGES = { readme: "../README.md", guide: "../../../../docs/guides/errors.md" };
const folder = new URL("../tests/snippets/", import.meta.url);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (const [name, path] of Object.entries(PAGES)) {
  const page = readFileSync(new URL(path, import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^```(tsx?)\n(.*?)^```$/gms)];
  if (blocks.length === 0) throw new Error(`${path} has no TypeScript`);
  blocks.forEach(([, language, code], index) => {
    writeFileSync(new URL(`${name}-${index + 1}.${language}`, folder), `${code}\nexport {};\n`);
  });
}
