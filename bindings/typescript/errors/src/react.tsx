"use client";

// A boundary and a hook for React: what fails below is shown by its code, told once, and tried again by keyboard.

import { type JSX, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { ErrorBoundary, type ErrorBoundaryProps, useErrorBoundary } from "react-error-boundary";

import type { Code, Kind } from "./code.js";
import { MailyError, type OfKind, isMailyError } from "./error.js";

/** What a fallback is given. */
export interface FallbackProps<E = MailyError> {
  readonly error: E;
  /** Renders the children again. */
  readonly reset: () => void;
}

/** What is told about an error that a boundary caught. */
export interface Caught {
  readonly error: MailyError;
  /** Which component failed, as React says it. */
  readonly componentStack: string | undefined;
}

/** The words of the built-in fallback. */
export interface Labels {
  readonly again: string;
  readonly copied: string;
  readonly copy: string;
  readonly help: string;
  readonly trace: string;
}

/** How a boundary shows and tells what it catches. */
export interface MailyErrorBoundaryProps {
  readonly children?: ReactNode;
  /** Fallbacks for single codes; they go before those of kinds. */
  readonly byCode?: { readonly [C in Code]?: (props: FallbackProps<MailyError<C>>) => ReactNode };
  /** Fallbacks for kinds; they go before `fallback`. */
  readonly byKind?: { readonly [K in Kind]?: (props: FallbackProps<OfKind<K>>) => ReactNode };
  /** The fallback for everything else; the built-in one unless given. */
  readonly fallback?: (props: FallbackProps) => ReactNode;
  /** The words of the built-in fallback, in another language. */
  readonly labels?: Partial<Labels>;
  /**
   * Takes note of an error, once for each. When it fails it is called again, at most three times, after about 1, 2 and
   * 4 seconds.
   */
  readonly report?: (caught: Caught) => void | Promise<void>;
  readonly onReset?: ErrorBoundaryProps["onReset"];
  /** Another value among these renders the children again. */
  readonly resetKeys?: unknown[];
}

/** Catches what fails while its children render, and shows the fallback of that code. */
export function MailyErrorBoundary(props: MailyErrorBoundaryProps): JSX.Element {
  const { children, report, onReset, resetKeys } = props;
  return (
    <ErrorBoundary
      fallbackRender={({ error, resetErrorBoundary }) => show(props, asMailyError(error), resetErrorBoundary)}
      onError={(thrown, { componentStack }) => {
        if (report) tell(report, { error: asMailyError(thrown), componentStack: componentStack ?? undefined });
      }}
      {...(onReset && { onReset })}
      {...(resetKeys && { resetKeys })}
    >
      {children}
    </ErrorBoundary>
  );
}

/** Hands errors that React does not see (of events, of promises) to the boundary above. */
export function useMailyError(): {
  /** Shows an error in the boundary above. */
  readonly show: (error: unknown) => void;
  /** Renders the children of the boundary above again. */
  readonly reset: () => void;
  /** Wraps a function so that its errors are shown above; that nobody waits any more is no error. */
  readonly guard: <A extends unknown[], R>(work: (...args: A) => R) => (...args: A) => Promise<Awaited<R> | undefined>;
} {
  const { showBoundary, resetBoundary } = useErrorBoundary();
  const show = useCallback((error: unknown) => showBoundary(asMailyError(error)), [showBoundary]);
  const guard = useCallback(
    <A extends unknown[], R>(work: (...args: A) => R) =>
      async (...args: A): Promise<Awaited<R> | undefined> => {
        try {
          return await work(...args);
        } catch (thrown) {
          if (!(isMailyError(thrown) && thrown.kind === "canceled")) show(thrown);
          return undefined;
        }
      },
    [show],
  );
  return { show, reset: resetBoundary, guard };
}

/** Returns an error of Maily as it is, and anything else as `unexpected` with the value as its cause. */
export function asMailyError(thrown: unknown): MailyError {
  if (isMailyError(thrown)) return thrown;
  const key = typeof thrown === "object" && thrown !== null ? thrown : undefined;
  const known = key && converted.get(key);
  // The message of a foreign error may hold anything: it stays behind, and the title is shown.
  const error = known ?? new MailyError("unexpected", { cause: thrown });
  if (key) converted.set(key, error);
  return error;
}

/** The built-in fallback: what happened, the trace to quote, and a way back. */
export function Fallback({ error, reset, labels }: FallbackProps & { readonly labels?: Partial<Labels> }): JSX.Element {
  const words = { ...LABELS, ...labels };
  const again = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // What had the focus is gone with the children: the keyboard goes on here. Elsewhere it is not disturbed.
    if (document.activeElement === null || document.activeElement === document.body) again.current?.focus();
  }, []);
  return (
    <div role="alert" data-code={error.code}>
      <p>{error.message}</p>
      <TraceId error={error} words={words} />
      <p>
        <button type="button" ref={again} onClick={reset}>
          {words.again}
        </button>{" "}
        <a href={error.docsUrl} rel="noreferrer" target="_blank">
          {words.help}
        </a>
      </p>
    </div>
  );
}

function TraceId({ error, words }: { readonly error: MailyError; readonly words: Labels }): JSX.Element | null {
  const [copied, setCopied] = useState(false);
  const { traceId } = error;
  if (traceId === undefined) return null;
  // Without a clipboard (no permission, no TLS) the text is still there to be selected, in one click.
  const copy = (): void => void navigator.clipboard?.writeText(traceId).then(() => setCopied(true), () => {});
  return (
    <p>
      {words.trace} <code style={{ userSelect: "all" }}>{traceId}</code>{" "}
      <button type="button" onClick={copy}>
        {copied ? words.copied : words.copy}
      </button>
    </p>
  );
}

function show(props: MailyErrorBoundaryProps, error: MailyError, reset: () => void): ReactNode {
  // The types of the props hold each function to its code; here all of them are alike.
  type ByName = Readonly<Record<string, ((props: FallbackProps) => ReactNode) | undefined>>;
  const [byCode, byKind] = [props.byCode as ByName | undefined, props.byKind as ByName | undefined];
  const own = byCode?.[error.code] ?? byKind?.[error.kind] ?? props.fallback;
  return own ? own({ error, reset }) : <Fallback error={error} reset={reset} {...(props.labels && { labels: props.labels })} />;
}

/** Tells of each error once, whichever boundary catches it, however often React renders. */
function tell(report: NonNullable<MailyErrorBoundaryProps["report"]>, caught: Caught): void {
  if (told.has(caught.error)) return;
  told.add(caught.error);
  const attempt = async (failed: number): Promise<void> => {
    try {
      await report(caught);
    } catch {
      if (failed < 3) setTimeout(() => void attempt(failed + 1), 1000 * 2 ** failed * (0.5 + Math.random()));
    }
  };
  void attempt(0);
}

const converted = new WeakMap<object, MailyError>();
const told = new WeakSet<MailyError>();

const LABELS: Labels = {
  again: "Try again",
  copied: "Copied",
  copy: "Copy",
  help: "What this means",
  trace: "Trace",
};
