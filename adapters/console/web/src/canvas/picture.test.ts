import { expect, it } from "vitest";

import { within } from "./picture.ts";

it("a picture keeps its proportions and never grows", () => {
  expect(within(2400, 1200, 1200)).toEqual([1200, 600]);
  expect(within(300, 200, 1200)).toEqual([300, 200]);
  expect(within(10_000, 1, 1200)).toEqual([1200, 1]);
});
