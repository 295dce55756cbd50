import { MailyError } from "@maily/errors";
import { afterEach, describe, expect, it, vi } from "vitest";

import type { Answer } from "./access.ts";
import { Access, bearer, onWelcome, probe } from "./access.ts";
import { fromFragment } from "./fragment.ts";

const RIGHT = "0123456789abcdef";
const AWAY = new MailyError("unavailable", { detail: "The server cannot be reached" });
const ANSWERS: Readonly<Record<string, Answer>> = { [RIGHT]: "welcome", away: AWAY };

/** An access to a server that knows one key, with what its tab keeps. */
const guarded = (given = "", kept = "") => {
  const tab = { key: kept };
  const keep = { load: () => tab.key, save: (key: string) => void (tab.key = key) };
  const asked: string[] = [];
  const ask = async (key: string): Promise<Answer> => {
    asked.push(key);
    return ANSWERS[key] ?? new MailyError("unauthorized");
  };
  return { access: new Access(ask, keep, given), tab, asked };
};

describe("the key of a server", () => {
  it("comes from the fragment before what the tab kept, and is kept", () => {
    const { access, tab } = guarded("from-the-fragment", "kept-before");
    expect(access.params).toEqual({ key: "from-the-fragment" });
    expect(tab.key).toBe("from-the-fragment");
    expect(guarded("", "kept-before").access.key).toBe("kept-before");
  });

  it("is asked for only when the server refuses", async () => {
    const { access } = guarded();
    await access.check();
    expect(access.need.get()).toEqual({ needed: true, asking: true, reason: "" });
    const known = guarded(RIGHT).access;
    await known.check();
    expect(known.need.get().needed).toBe(false);
  });

  it("is tried before it is kept, and once it is right the sockets connect", async () => {
    const { access, tab } = guarded();
    let connected = 0;
    onWelcome(access, () => (connected += 1));
    await access.check();
    await access.enter("wrong");
    expect(access.need.get()).toEqual({
      needed: true,
      asking: true,
      reason: "The server does not know this key.",
    });
    await access.enter("away");
    expect(access.need.get().reason).toBe("The server cannot be reached; the key was not tried.");
    expect([tab.key, connected]).toEqual(["", 0]);
    await access.enter(RIGHT);
    expect([tab.key, connected, access.need.get().needed]).toEqual([RIGHT, 1, false]);
  });

  it("is not sent when no header can carry it", async () => {
    const { access, asked } = guarded();
    await access.enter("schlüssel mit\nzeile");
    expect(asked).toEqual([]);
    expect(access.need.get().reason).toBe("The server does not know this key.");
  });

  it("may be given later", async () => {
    const { access } = guarded();
    await access.check();
    access.dismiss();
    expect(access.need.get()).toMatchObject({ needed: true, asking: false });
    access.ask();
    expect(access.need.get().asking).toBe(true);
  });

  it("travels as a bearer or in a socket's address, or not at all", () => {
    expect(guarded().access.address("ws://h/live")).toBe("ws://h/live");
    expect(guarded("a+b=").access.address("ws://h/live")).toBe("ws://h/live?key=a%2Bb%3D");
    expect(bearer("")).toEqual({});
    expect(bearer(RIGHT)).toEqual({ authorization: `Bearer ${RIGHT}` });
  });
});

describe("the probe", () => {
  afterEach(() => void vi.unstubAllGlobals());

  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const problem = (status: number, code: string): Response =>
    Response.json({ type: `urn:maily:error:${code}`, status, code, trace_id: trace }, { status });

  it.each([
    ["a list", () => Response.json([]), "welcome"],
    ["a problem from behind the gate", () => problem(404, "document-not-found"), "welcome"],
    ["a refusal", () => problem(401, "unauthorized"), "unauthorized"],
    ["a server in trouble", () => problem(503, "unavailable"), "unavailable"],
    ["the page of a proxy", () => new Response("<html>", { status: 502 }), "unavailable"],
  ])("of %s", async (_, answer, expected) => {
    vi.stubGlobal("fetch", async () => answer());
    const told = await probe("/v1/canvas/documents")(RIGHT);
    expect(told === "welcome" ? told : told.kind).toBe(expected);
  });

  it("of a server that is away, or in trouble, says so where the key is asked for", async () => {
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("failed")));
    const { access } = guarded();
    await access.enter("away");
    expect(access.need.get().reason).toBe("The server cannot be reached; the key was not tried.");

    vi.stubGlobal("fetch", async () => problem(503, "unavailable"));
    const real = new Access(probe("/v1"), { load: () => "", save: () => undefined }, "");
    await real.enter(RIGHT);
    expect(real.need.get().reason).toBe(`The service cannot answer now; the key was not tried. Trace ${trace}.`);
  });
});

describe("the fragment", () => {
  it.each([
    ["#key=0123456789abcdef", "0123456789abcdef"],
    ["#key=a%2Bb%3D", "a+b="],
    ["#key=a+b=&c", "a+b=&c"],
    ["#key=100%", "100%"],
    ["#key=", ""],
    ["#monkey=a", ""],
    ["", ""],
  ])("of %j is %j", (hash, key) => expect(fromFragment(hash)).toBe(key));
});
