import { describe, expect, it } from "vitest";

import { queryOf, viewOf } from "./view.ts";

describe("the view", () => {
  it("is the campaign unless the address says mesh", () => {
    expect(["", "?view=", "?view=nonsense", "?doc=a"].map(viewOf)).toEqual(Array(4).fill("campaign"));
    expect(viewOf("?doc=a&view=mesh")).toBe("mesh");
  });

  it("leaves the rest of the address as it is", () => {
    expect(queryOf("?doc=a", "mesh")).toBe("?doc=a&view=mesh");
    expect(queryOf("?view=mesh&doc=a", "campaign")).toBe("?doc=a");
    expect(queryOf("?view=mesh", "campaign")).toBe("");
  });
});
