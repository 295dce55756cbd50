// `fetch` that repeats what may be repeated, and nothing else.

import { expect, test } from "vitest";

import { Budget, type FetchOptions, MailyError, createFetch } from "../src/index.js";

const URL = "https://api.example.test/v1";

/** An answer of a code, as the server writes it. */
const answer = (error: MailyError): Response =>
  new Response(JSON.stringify(error), { status: error.status, headers: { "content-type": "application/problem+json" } });

/** A service that answers with errors in turn and then well, and how it was called. */
function service(errors: (MailyError | "lost")[], options: Partial<FetchOptions> = {}) {
  const bodies: string[] = [];
  const waits: number[] = [];
  const send: typeof fetch = async (input) => {
    bodies.push(await (input as Request).text());
    const next = errors.shift();
    if (next === "lost") throw new TypeError("fetch failed");
    return next ? answer(next) : new Response("ok");
  };
  const sleep = async (ms: number): Promise<void> => void waits.push(ms);
  return { call: createFetch({ fetch: send, sleep, random: () => 0.5, ...options }), bodies, waits };
}

const failed = (promise: Promise<Response>): Promise<MailyError> =>
  promise.then(
    () => Promise.reject(new Error("it answered")),
    (error: MailyError) => error,
  );

test("read is repeated after the delay that was asked for", async () => {
  const { call, bodies, waits } = service([new MailyError("throttled", { retryAfterMs: 1500 }), "lost"]);

  const response = await call(URL);

  expect(await response.text()).toBe("ok");
  expect(bodies.length).toBe(3);
  expect(waits).toEqual([1500, 200]);
});

test("order is not repeated when it may have had its effect", async () => {
  const { call, bodies } = service([new MailyError("timeout")]);

  const error = await failed(call(URL, { method: "POST", body: "one" }));

  expect([error.code, error.temporary, bodies.length]).toEqual(["timeout", true, 1]);
});

test("order is repeated with its body when it was refused before anything happened, or has a key", async () => {
  const refused = service([new MailyError("throttled")]);
  const keyed = service([new MailyError("timeout")]);

  await refused.call(URL, { method: "POST", body: "one" });
  await keyed.call(URL, { method: "POST", body: "two", headers: { "Idempotency-Key": "k" } });

  expect([refused.bodies, keyed.bodies]).toEqual([["one", "one"], ["two", "two"]]);
});

test("spent retries make the error persistent", async () => {
  const { call, bodies } = service(Array.from({ length: 9 }, () => new MailyError("unavailable")));

  const error = await failed(call(URL));

  expect([error.code, error.temporary, bodies.length]).toEqual(["unavailable", false, 4]);
});

test("spent budget makes the error persistent, for all requests together", async () => {
  const budget = new Budget({ share: 0, perSecond: 2, now: () => 0 });
  const down = Array.from({ length: 20 }, () => new MailyError("unavailable"));
  const { call, bodies } = service(down, { budget });

  const errors = [await failed(call(URL)), await failed(call(URL)), await failed(call(URL))];

  expect(errors.map((error) => error.temporary)).toEqual([false, false, false]);
  expect(bodies.length).toBe(3 + 1 + 1);
});

test("requests and time pay in, up to the most", () => {
  let now = 0;
  const budget = new Budget({ share: 0.5, perSecond: 10, now: () => now });
  const taken = (): number => Array.from({ length: 2000 }, () => budget.take()).filter(Boolean).length;

  expect(taken()).toBe(10);
  for (let n = 0; n < 9; n++) budget.payIn();
  expect(taken()).toBe(4);
  now = 1000;
  expect(taken()).toBe(10);
  now = 3_600_000;
  expect(taken()).toBe(1000);
});

test("delay that is too long is left to whoever has more time", async () => {
  const { call } = service([new MailyError("throttled", { retryAfterMs: 3_600_000 })]);

  const error = await failed(call(URL));

  expect([error.temporary, error.retryAfterMs]).toEqual([true, 3_600_000]);
});

test("spent document goes on with every member but the delay", async () => {
  const document = { type: "urn:maily:error:of-2031", title: "New", status: 503, code: "of-2031", retry_after_ms: 1, teapot: true };
  const send = async (): Promise<Response> =>
    new Response(JSON.stringify(document), { status: 503, headers: { "content-type": "application/problem+json" } });

  const error = await failed(createFetch({ fetch: send, policy: { maxRetries: 0, maxDelayMs: 0 } })(URL));

  const { retry_after_ms, ...rest } = document;
  expect([error.temporary, retry_after_ms, error.toJSON()]).toEqual([false, 1, rest]);
});

test("stream is sent once only", async () => {
  const { call, bodies } = service([new MailyError("throttled")]);
  const body = new Blob(["once"]).stream();

  const error = await failed(call(URL, { method: "PUT", body, duplex: "half" } as RequestInit));

  expect([error.temporary, bodies]).toEqual([false, ["once"]]);
});

test("answer below 400 is given as it is", async () => {
  const call = createFetch({ fetch: async () => new Response(null, { status: 304 }) });

  expect((await call(URL)).status).toBe(304);
});

test("signal ends the wait between two tries, and says whether time was up", async () => {
  const down = (): MailyError[] => [new MailyError("unavailable", { retryAfterMs: 25_000 })];
  const controller = new AbortController();
  const gone = new Error("the page was left");
  const send = async (): Promise<Response> => answer(down()[0] as MailyError);

  const canceled = failed(createFetch({ fetch: send })(URL, { signal: controller.signal }));
  controller.abort(gone);
  const late = await failed(createFetch({ fetch: send })(URL, { signal: AbortSignal.timeout(5) }));

  expect([(await canceled).code, (await canceled).cause, (await canceled).temporary]).toEqual(["canceled", gone, false]);
  expect([late.code, late.temporary]).toEqual(["timeout", false]);
});

test("request that cannot be made is invalid", async () => {
  expect((await failed(createFetch()("http://[", {}))).code).toBe("invalid");
});
