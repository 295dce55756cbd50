// The error: what it says, what it never says, and how it is told apart.

import { inspect } from "node:util";

import { expect, test } from "vitest";
import * as z from "zod";

import { MailyError, advice, codes, entry, fromResponse, fromZod, isCode, isMailyError, isRetryable, match, matchKind, parseProblem } from "../src/index.js";
import { asMailyError } from "../src/react.js";

const JSON_TYPE = { "content-type": "application/problem+json" };

test("error is thrown, caught and narrowed", () => {
  const thrown: unknown = (() => {
    try {
      throw new MailyError("no-node", { detail: "every node is down" });
    } catch (error) {
      return error;
    }
  })();

  expect(thrown).toBeInstanceOf(Error);
  expect(thrown).toBeInstanceOf(MailyError);
  expect(isMailyError(thrown) && thrown.code === "no-node" && thrown.kind).toBe("unavailable");
  expect(String(thrown)).toBe("every node is down (no-node)");
  expect((thrown as Error).name).toBe("MailyError");
});

test("catalogue is whole", () => {
  expect(codes.length).toBeGreaterThan(90);
  for (const code of codes) {
    const { number, title, docsUrl, retryable, backoffMs } = entry(code);
    expect(isCode(code) && number > 0 && title.length > 0).toBe(true);
    expect(docsUrl.endsWith(`/docs/errors/${code}.md`)).toBe(true);
    expect(backoffMs > 0).toBe(retryable);
    expect(advice(code).fix).toMatch(/\.$/);
  }
  expect(isCode("constructor")).toBe(false);
});

test("secret reaches neither text nor JSON", () => {
  const secret = "hunter2";
  const cause = new Error(`password ${secret} refused`);
  const errors = [new MailyError("redis-password-refused", { cause }), asMailyError(cause)];

  for (const error of errors) {
    expect(`${error} ${error.message} ${JSON.stringify(error)} ${JSON.stringify({ ...error })}`).not.toContain(secret);
    expect(error.cause).toBe(cause);
  }
});

test("secret of a request is not in its error", async () => {
  const { createFetch } = await import("../src/index.js");
  const call = createFetch({ fetch: async () => new Response("{}", { status: 401, headers: JSON_TYPE }) });

  for (const url of ["https://example.test/?key=hunter2", "https://ada:hunter2@example.test/", "hunter2://["]) {
    const request = call(url, { headers: { authorization: "Bearer hunter2" } });
    const error: unknown = await request.catch((thrown: unknown) => thrown);

    expect(isMailyError(error)).toBe(true);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter2");
  }
});

test("unknown code goes through unchanged", async () => {
  const document = '{"type":"urn:maily:error:of-2031","title":"New","status":503,"code":"of-2031","big":12345678901234567890}';

  const error = await fromResponse(new Response(document, { status: 503, headers: JSON_TYPE }));

  expect([error.code, error.unknown?.code]).toEqual(["unavailable", "of-2031"]);
  expect(await error.toResponse().text()).toBe(document);
  expect(JSON.parse(JSON.stringify(error))).toEqual(JSON.parse(document));
  expect(new MailyError("unavailable", { unknown: { code: "of-2031" } }).toJSON()["code"]).toBe("of-2031");
});

test("what does not come as it should is a value", async () => {
  const broken = new ReadableStream({ start: (controller) => controller.error(new Error("cut")) });
  const inputs: [number, never, never][] = [
    [Number.NaN, {} as never, "{}" as never],
    [0, {} as never, undefined as never],
    [200, new Headers(JSON_TYPE) as never, null as never],
    [1e9, JSON_TYPE as never, 7 as never],
    [404, { "content-type": 7 } as never, "<html>" as never],
    [404, null as never, "{}" as never],
  ];

  for (const [status, headers, body] of inputs) {
    expect(isMailyError(parseProblem(status, headers, body))).toBe(true);
  }
  const error = await fromResponse(new Response(broken, { status: 503 }));
  expect([error.code, error.temporary]).toEqual(["unavailable", true]);
});

test("body without end is read to its limit only", async () => {
  let pulled = 0;
  let canceled = false;
  const endless = new ReadableStream({
    pull: (controller) => {
      pulled += 1;
      controller.enqueue(new Uint8Array(16_384));
    },
    cancel: () => {
      canceled = true;
    },
  });

  const error = await fromResponse(new Response(endless, { status: 500, headers: JSON_TYPE }));

  expect(error.code).toBe("malformed-problem");
  expect(pulled).toBeLessThan(8);
  expect(canceled).toBe(true);
});

test("brackets in strings do not nest", () => {
  const body = `{"code":"timeout","s":"${"[".repeat(500)}\\"${"{".repeat(500)}"}`;

  expect(parseProblem(504, JSON_TYPE, body).code).toBe("timeout");
});

test("any bytes are read without a throw", () => {
  let seed = 1;
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const alphabet = '{}[]",:\\0159.eE-+ truefalsnl/code"type"status"errors"\u0000\uFEFFé';

  for (let round = 0; round < 2000; round++) {
    const text = Array.from({ length: next(60) }, () => alphabet[next(alphabet.length)]).join("");
    const error = parseProblem(400 + next(200), { ...JSON_TYPE, "maily-causes": text, "retry-after": text }, text);
    expect(isMailyError(error) && `${error}` !== "" && JSON.stringify(error) !== "").toBe(true);
  }
});

test("error is answered with its delay in whole seconds", async () => {
  const response = new MailyError("throttled", { retryAfterMs: 1001, causes: [{ service: "mesh", code: "no-node" }] }).toResponse();

  expect([response.status, response.headers.get("retry-after")]).toEqual([429, "2"]);
  const back = await fromResponse(response);
  expect([back.code, back.retryAfterMs, back.causes]).toEqual(["throttled", 1001, [{ service: "mesh", code: "no-node" }]]);
  expect(new MailyError("conflict").toResponse().headers.has("retry-after")).toBe(false);
});

test("match calls the function of the code, or of the kind, or the last resort", () => {
  const late = new MailyError("timeout", { retryAfterMs: 5 });

  expect(match(late, { timeout: (error) => error.retryAfterMs, _: () => -1 })).toBe(5);
  expect(match(new MailyError("conflict"), { timeout: () => "late", _: (error) => error.code })).toBe("conflict");
  expect(matchKind(new MailyError("no-node"), { unavailable: (error) => error.code, _: () => "other" })).toBe("no-node");
});

test("spent retries are not repeated by whoever is outside", () => {
  const error = new MailyError("no-node", { retryAfterMs: 10, detail: "all down", traceId: "4bf92f3577b34da6a3ce929d0e0e4736" });
  const spent = error.intoPersistent();

  expect([isRetryable(error, { idempotent: true }), isRetryable(spent, { idempotent: true })]).toEqual([true, false]);
  expect([spent.message, spent.traceId, spent.toJSON()["retry_after_ms"]]).toEqual(["all down", error.traceId, undefined]);
  expect(isRetryable(new Error("no error of Maily"))).toBe(false);
});

test("spent retries of a foreign document are not repeated by the next service", () => {
  const foreign = '{"title":"x","status":503}';
  const spent = parseProblem(503, { "content-type": "application/json" }, foreign).intoPersistent();
  const next = parseProblem(503, { "content-type": "application/problem+json" }, JSON.stringify(spent));

  expect([spent.temporary, next.temporary, next.code]).toEqual([false, false, spent.code]);
  expect(spent.toJSON()["upstream"]).toEqual(JSON.parse(foreign));
});

test.each([
  '{"type":"urn:maily:error:of-2031","status":503,"retry_after_ms":5,"more":1}',
  '{"type":"about:blank","code":"no-node","retry_after_ms":5}',
  '{"number":210,"status":503,"retry_after_ms":5}',
])("document of ours goes on with all but its delay when its retries are spent: %s", (ours) => {
  const error = parseProblem(503, { "content-type": "application/problem+json" }, ours);
  const spent = error.intoPersistent();
  const { retry_after_ms: _, ...rest } = JSON.parse(ours) as Record<string, unknown>;

  expect([error.temporary, spent.temporary]).toEqual([true, false]);
  expect(spent.toJSON()).toEqual(rest);
});

test("text that is no JSON is looked at once", () => {
  const open = `"${'\\"'.repeat(30_000)}`;

  const error = parseProblem(500, { "content-type": "application/json" }, open);

  expect(error.status).toBe(500);
});

test("issues of zod become violations at their pointers", () => {
  const schema = z.strictObject({ items: z.array(z.object({ "a/b": z.number() })), name: z.string().min(2) });

  const { error } = schema.safeParse({ items: [{ "a/b": "x" }], name: "x", "x~y": 1 });
  const violations = fromZod(error as z.ZodError);

  expect(violations.map(({ pointer, code }) => [pointer, code])).toEqual([
    ["/items/0/a~1b", "invalid_type"],
    ["/name", "too_small"],
    ["/x~0y", "unrecognized_keys"],
  ]);
  expect(new MailyError("invalid", { violations }).toJSON()["errors"]).toEqual(violations);
});
