// Fails when `dist/` is not what the source builds: builds into a temporary folder and compares every byte.
//
// Compressed copies are compared by what they unpack to: two versions of zlib may pack the same bytes differently.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

import { files } from "./precompress.mjs";

const web = fileURLToPath(new URL("..", import.meta.url));
const dist = fileURLToPath(new URL("../../dist", import.meta.url));

const content = (path) => {
  const bytes = readFileSync(path);
  if (path.endsWith(".br")) return brotliDecompressSync(bytes);
  return path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
};

const names = (folder) => files(folder).map((path) => relative(folder, path));

const fresh = mkdtempSync(join(tmpdir(), "maily-console-"));
try {
  const build = spawnSync("npm", ["run", "--silent", "build"], {
    cwd: web,
    env: { ...process.env, OUT_DIR: fresh },
    encoding: "utf8",
  });
  if (build.status !== 0) {
    console.error(build.stdout, build.stderr);
    process.exitCode = 1;
  } else {
    const [committed, built] = [new Set(names(dist)), new Set(names(fresh))];
    const wrong = [
      ...[...built].filter((name) => !committed.has(name)).map((name) => `missing in dist: ${name}`),
      ...[...committed].filter((name) => !built.has(name)).map((name) => `no longer built: ${name}`),
      ...[...built]
        .filter(
          (name) => committed.has(name) && !content(join(dist, name)).equals(content(join(fresh, name))),
        )
        .map((name) => `differs: ${name}`),
    ];
    if (wrong.length > 0) {
      console.error(
        `dist/ is not what web/ builds; run \`npm run build\` and commit it.\n${wrong.join("\n")}`,
      );
      process.exitCode = 1;
    } else {
      console.log(`dist/ equals a fresh build (${built.size} files)`);
    }
  }
} finally {
  rmSync(fresh, { recursive: true });
}
