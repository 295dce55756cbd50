import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { precompress } from "./scripts/precompress.mjs";

// The server to talk to while developing: `npm run dev` serves the page, this one answers below /v1.
const server = process.env["MAILY_URL"] ?? "http://127.0.0.1:7890";

// From their source: the page and the errors that it reads are of one commit.
const errors = (file: string): string =>
  fileURLToPath(new URL(`../../../bindings/typescript/errors/src/${file}`, import.meta.url));

export default defineConfig({
  plugins: [react(), precompress()],
  resolve: {
    alias: [
      { find: /^@maily\/errors$/, replacement: errors("index.ts") },
      { find: /^@maily\/errors\/react$/, replacement: errors("react.tsx") },
    ],
    // Of this package alone: that of the errors may have none installed, or its own.
    dedupe: ["react", "react-dom", "react-error-boundary"],
  },
  build: {
    outDir: process.env["OUT_DIR"] ?? "../dist",
    emptyOutDir: true,
    // Baseline 2024: the first with `light-dark()`, which keeps both themes in one place.
    target: ["chrome123", "firefox128", "safari17.5"],
    // A data URL would need a wider policy than `img-src 'self'` gives a style sheet, and is never cached apart.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": { target: server, ws: true } } },
  test: { include: ["src/**/*.test.ts"] },
});
