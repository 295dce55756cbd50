import { describe, expect, it } from "vitest";

import { read } from "./config.ts";

const at = (search: string, protocol = "http:") => read({ protocol, host: "maily.test:8080", search });

describe("the address of the page", () => {
  it("opens `campaign` unless it names a document", () => {
    expect(at("").document).toBe("campaign");
    expect(at("?doc=spring-2027").document).toBe("spring-2027");
  });

  it.each(["../etc", "a/b", "", "..", "a b", "Été", "x".repeat(129)])(
    "does not take %j for a name",
    (name) => {
      expect(at(`?doc=${encodeURIComponent(name)}`).document).toBe("campaign");
    },
  );

  it("stays on its host, encrypted when the page is", () => {
    expect(at("").sync).toBe("ws://maily.test:8080/v1/canvas/sync");
    expect(at("", "https:").journey).toBe("wss://maily.test:8080/v1/journey/live");
    expect(at("").nodes).toBe("ws://maily.test:8080/v1/nodes/live");
    expect(at("?doc=a.b").html).toBe("/v1/canvas/documents/a.b/export.html");
  });
});
