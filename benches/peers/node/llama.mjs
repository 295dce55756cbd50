// llama.cpp by `node-llama-cpp`: answers the questions of `peers local`, one JSON line each.
//
// node llama.mjs PACKAGES MODEL THREADS PLACES; PACKAGES is the folder `node_modules`.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [packages, modelPath, threads, places] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(`${packages}/node-llama-cpp/dist/index.js`));

const residentMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
const say = (line) => console.log(JSON.stringify(line));

const before = residentMb();
// Its own prebuilt binary, on the processor only.
const llama = await getLlama({ gpu: false, build: "never", maxThreads: Number(threads), logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: 2048,
  sequences: Number(places),
  threads: { ideal: Number(threads), min: Number(threads) },
});
const sequences = Array.from({ length: Number(places) }, () => context.getSequence());

/** Reads a prompt and writes so many tokens, the likeliest each time. */
async function write(sequence, text, count) {
  await sequence.clearHistory();
  const prompt = model.tokenize(text, true);
  let written = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    written += 1;
    if (written === count) break;
  }
  return { prompt: prompt.length, written };
}

say({ prompt_tokens: 0, written_tokens: 0, ms: 0, resident_mb: residentMb() - before });
for await (const line of createInterface({ input: process.stdin })) {
  const { prompts, tokens } = JSON.parse(line);
  const begin = performance.now();
  const answers = await Promise.all(prompts.map((text, index) => write(sequences[index], text, tokens)));
  const ms = performance.now() - begin;
  const total = (member) => answers.reduce((sum, answer) => sum + answer[member], 0);
  const memory = residentMb() - before;
  say({ prompt_tokens: total("prompt"), written_tokens: total("written"), ms, resident_mb: memory });
}
