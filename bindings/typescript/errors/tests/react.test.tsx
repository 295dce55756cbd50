// @vitest-environment happy-dom
// The boundary and the hook: the fallback of the code, the way back, and one report.

import { type ReactNode, StrictMode, act, version } from "react";
import { type Root, createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type Caught, MailyErrorBoundary, type MailyErrorBoundaryProps, useMailyError } from "../src/react.js";
import { MailyError } from "../src/index.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

let root: Root;
let place: HTMLElement;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  // React and the boundary tell the console of every error that is caught.
  vi.spyOn(console, "error").mockImplementation(() => {});
  place = document.body.appendChild(document.createElement("main"));
  root = createRoot(place);
});

afterEach(() => {
  act(() => root.unmount());
  place.remove();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A child that throws what it is told to. */
function Child({ thrown }: { readonly thrown: { current: unknown } }): ReactNode {
  if (thrown.current !== undefined) throw thrown.current;
  return <p>well</p>;
}

function render(thrown: { current: unknown }, props: Omit<MailyErrorBoundaryProps, "children"> = {}): void {
  act(() =>
    root.render(
      <StrictMode>
        <MailyErrorBoundary {...props}>
          <Child thrown={thrown} />
        </MailyErrorBoundary>
      </StrictMode>,
    ),
  );
}

const button = (text: string): HTMLButtonElement => {
  const found = [...place.querySelectorAll("button")].find((one) => one.textContent === text);
  if (!found) throw new Error(`no button ${text} in ${place.innerHTML}`);
  return found;
};

test("runs on the React that it should", () => {
  expect(version.split(".")[0]).toBe(process.env["REACT"] ?? "19");
});

test("fallback of the code goes before that of the kind and the last resort", () => {
  const props: MailyErrorBoundaryProps = {
    byCode: { "no-node": ({ error }) => <p>no node: {error.entry.number}</p> },
    byKind: { unavailable: ({ error }) => <p>away: {error.code}</p> },
    fallback: ({ error }) => <p>other: {error.code}</p>,
  };
  const shown = ["no-node", "draining", "conflict"] as const;

  const texts = shown.map((code) => {
    render({ current: new MailyError(code) }, props);
    const text = place.textContent;
    act(() => root.unmount());
    root = createRoot(place);
    return text;
  });

  expect(texts).toEqual(["no node: 210", "away: draining", "other: conflict"]);
});

test("built-in fallback is an alert with the focus, and the way back works", () => {
  const thrown = { current: new MailyError("no-node", { detail: "every node is down" }) as unknown };
  const onReset = vi.fn();
  render(thrown, { onReset });

  const alert = place.querySelector('[role="alert"]');
  expect(alert?.getAttribute("data-code")).toBe("no-node");
  expect(alert?.textContent).toContain("every node is down");
  expect(alert?.querySelector("a")?.href).toContain("/docs/errors/no-node.md");
  expect(document.activeElement).toBe(button("Try again"));

  thrown.current = undefined;
  act(() => button("Try again").click());

  expect(place.textContent).toBe("well");
  expect(onReset).toHaveBeenCalledTimes(1);
});

test("focus elsewhere is not taken", () => {
  const field = document.body.appendChild(document.createElement("input"));
  field.focus();

  render({ current: new MailyError("no-node") });

  expect(document.activeElement).toBe(field);
  field.remove();
});

test("trace is copied, and stays readable where that is not possible", async () => {
  const writeText = vi.fn<(text: string) => Promise<void>>().mockResolvedValue();
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  render({ current: new MailyError("panicked", { traceId: TRACE }) }, { labels: { copy: "Kopieren" } });

  await act(async () => button("Kopieren").click());

  expect(writeText).toHaveBeenCalledWith(TRACE);
  expect(place.querySelector("code")?.textContent).toBe(TRACE);
  expect(button("Copied")).toBeDefined();
  vi.stubGlobal("navigator", {});
  act(() => button("Copied").click());
});

test("foreign error is shown without its message, and kept as the cause", () => {
  const caught: Caught[] = [];
  const foreign = new Error("password hunter2");

  render({ current: foreign }, { report: (one) => void caught.push(one) });

  expect(place.textContent).toContain("Something unexpected happened");
  expect(place.innerHTML).not.toContain("hunter2");
  expect([caught[0]?.error.code, caught[0]?.error.cause]).toEqual(["unexpected", foreign]);
  expect(caught[0]?.componentStack).toContain("Child");
});

test("error is reported once, however often it is rendered and caught", () => {
  const report = vi.fn();
  const thrown = { current: new MailyError("no-node") as unknown };

  render(thrown, { report });
  render(thrown, { report });
  act(() => button("Try again").click());

  expect(report).toHaveBeenCalledTimes(1);
});

test("report that fails is repeated at most three times", async () => {
  vi.useFakeTimers();
  const report = vi.fn<() => Promise<void>>().mockRejectedValue(new Error("away"));

  render({ current: new MailyError("no-node") }, { report });
  await vi.advanceTimersByTimeAsync(60_000);

  expect(report).toHaveBeenCalledTimes(4);
});

test("other reset keys render the children again", () => {
  const thrown = { current: new MailyError("no-node") as unknown };
  render(thrown, { resetKeys: [1] });

  thrown.current = undefined;
  render(thrown, { resetKeys: [2] });

  expect(place.textContent).toBe("well");
});

test("error of an event or a promise is shown above; that nobody waits is none", async () => {
  const failing = { code: "canceled" as "canceled" | "no-node" };
  const Button = (): ReactNode => {
    const { guard } = useMailyError();
    const send = guard(async () => {
      throw new MailyError(failing.code);
    });
    return <button type="button" onClick={() => void send()}>send</button>;
  };
  act(() => root.render(<MailyErrorBoundary><Button /></MailyErrorBoundary>));

  await act(async () => button("send").click());
  expect(place.textContent).toBe("send");
  failing.code = "no-node";
  await act(async () => button("send").click());

  expect(place.querySelector('[data-code="no-node"]')).not.toBeNull();
});
