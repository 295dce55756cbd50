import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** `REACT=18` runs the tests of the boundary on the packages in `tests/react18`. */
const packages = process.env["REACT"] === "18" ? ["react", "react-dom", "react-error-boundary"] : [];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@maily\/errors$/, replacement: here("src/index.ts") },
      { find: /^@maily\/errors\/react$/, replacement: here("src/react.tsx") },
      ...packages.map((name) => ({ find: name, replacement: here(`tests/react18/node_modules/${name}`) })),
    ],
  },
  // A loaded machine is slow; no test waits for time to pass.
  test: { include: ["tests/*.test.{ts,tsx}"], testTimeout: 60_000 },
});
