import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

/** `REACT=18` runs the tests of the boundary on the packages in `tests/react18`. */
const of18 = (name: string): string => fileURLToPath(new URL(`tests/react18/node_modules/${name}`, import.meta.url));
const packages = process.env["REACT"] === "18" ? ["react", "react-dom", "react-error-boundary"] : [];

export default defineConfig({
  resolve: { alias: Object.fromEntries(packages.map((name) => [name, of18(name)])) },
  test: { include: ["tests/*.test.{ts,tsx}"] },
});
