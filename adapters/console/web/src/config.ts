// What the page's address says.

export interface Config {
  /** Name of the document that is edited. */
  readonly document: string;
  /** Base address of the sync sockets; the provider appends `/{document}`. */
  readonly sync: string;
  /** Address of the live journey. */
  readonly journey: string;
  /** Address of the live nodes of the mesh. */
  readonly nodes: string;
  /** Answers who may come in, and needs a key where one is needed. */
  readonly probe: string;
  readonly svg: string;
  readonly html: string;
}

// The names that the server allows: not only dots, which would be a folder in a store that keeps files.
const NAME = /^(?!\.+$)[A-Za-z0-9._-]{1,128}$/;

/** Reads `?doc=`; a name that the server would refuse falls back to `campaign`. */
export const read = (location: Pick<Location, "protocol" | "host" | "search">): Config => {
  const asked = new URLSearchParams(location.search).get("doc") ?? "";
  const document = NAME.test(asked) ? asked : "campaign";
  const socket = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
  const path = `/v1/canvas/documents/${document}`;
  return {
    document,
    sync: `${socket}/v1/canvas/sync`,
    journey: `${socket}/v1/journey/live`,
    nodes: `${socket}/v1/nodes/live`,
    probe: "/v1/canvas/documents",
    svg: `${path}/export.svg`,
    html: `${path}/export.html`,
  };
};
