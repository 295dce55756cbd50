// What the types promise; `npm run check` compiles this file. A line behind `@ts-expect-error` must not compile.

import { type Code, type Kind, MailyError, type OfKind, isMailyError, match, matchKind } from "../src/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is = <T extends true>(): T => true as T;

declare const error: MailyError;
declare const thrown: unknown;

// A code narrows to one member, a kind to several.
if (error.code === "node-throttled") {
  is<Same<typeof error, MailyError<"node-throttled">>>();
  is<Same<typeof error.kind, "throttled">>();
  is<Same<typeof error.entry.number, 205>>();
  is<Same<typeof error.entry.httpStatus, 429>>();
}
if (error.kind === "timeout") is<Same<typeof error.code, "timeout">>();
if (error.kind === "throttled") is<Same<typeof error, OfKind<"throttled">>>();

// A code that the catalogue lacks is a typing error.
// @ts-expect-error: no such code
if (error.code === "node-throtled") console.log();
// @ts-expect-error: no such code
console.log(new MailyError("node-throtled"));

// What was caught narrows to the union.
if (thrown instanceof MailyError) is<Same<typeof thrown, MailyError>>();
if (isMailyError(thrown)) is<Same<typeof thrown, MailyError>>();
is<Same<MailyError["code"], Code>>();

// A switch over all kinds ends in `never`.
function exhaustive(one: MailyError): string {
  switch (one.kind) {
    case "canceled":
    case "conflict":
    case "corrupt":
    case "forbidden":
    case "invalid":
    case "not_found":
    case "throttled":
    case "timeout":
    case "too_large":
    case "unauthorized":
    case "unavailable":
    case "unexpected":
      return one.code;
    case "unsupported":
      return one.detail ?? "";
    default:
      return one satisfies never;
  }
}
console.log(exhaustive);

// `match` answers with what the functions answer.
const answer = match(error, { timeout: () => 1, throttled: (one) => one.kind, _: () => undefined });
is<Same<typeof answer, number | "throttled" | undefined>>();

// Each function is given its own member.
match(error, { timeout: (one) => is<Same<typeof one, MailyError<"timeout">>>(), _: () => true });
matchKind(error, { too_large: (one) => is<Same<typeof one, OfKind<"too_large">>>(), _: () => true });

// All kinds, or some and the last resort.
const name = <K extends Kind>(one: OfKind<K>): string => one.code;
const all = {
  canceled: name,
  conflict: name,
  corrupt: name,
  forbidden: name,
  invalid: name,
  not_found: name,
  throttled: name,
  timeout: name,
  too_large: name,
  unauthorized: name,
  unavailable: name,
  unexpected: name,
  unsupported: name,
};
is<Same<ReturnType<typeof matchKind<typeof all>>, string>>();
const { unsupported, ...twelve } = all;
console.log(unsupported, matchKind(error, all));
// @ts-expect-error: `unsupported` is missing
matchKind(error, twelve);
// @ts-expect-error: all codes but one are missing
match(error, { timeout: () => 1 });
// @ts-expect-error: there is no such code
match(error, { tiemout: () => 1, _: () => 2 });

// All codes without last resort, and all codes but one.
declare const every: { [C in Code]: (one: MailyError<C>) => C };
declare const allButOne: Omit<typeof every, "timeout">;
is<Same<ReturnType<typeof match<typeof every>>, Code>>();
match(error, every);
// @ts-expect-error: `timeout` is missing
match(error, allButOne);
