// A page with the boundary: every button asks the server for something that it refuses.

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

import { MailyError, createFetch } from "@maily/errors";
import { type Caught, MailyErrorBoundary, useMailyError } from "@maily/errors/react";

declare global {
  // What the page told of errors, for the test to read.
  var told: string[];
}
globalThis.told = [];

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const call = createFetch();
const traced = { headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` } };

function Buttons() {
  const [broken, setBroken] = useState(false);
  const { guard } = useMailyError();
  if (broken) throw new MailyError("scene-invalid", { detail: "the scene has no layer", traceId: TRACE });
  return (
    <>
      <p>All is well.</p>
      <button onClick={guard(() => call("/v1/canvas/documents/no-such-document", traced))}>Open</button>
      <button onClick={guard(() => call("/v1/no-such-route", traced))}>Stray</button>
      <button onClick={() => setBroken(true)}>Draw</button>
    </>
  );
}

const report = ({ error }: Caught): void => void globalThis.told.push(error.code);

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <MailyErrorBoundary
      report={report}
      byCode={{
        "document-not-found": ({ error, reset }) => (
          <div role="alert">
            <h1>There is no such document ({error.status})</h1>
            <button onClick={reset}>Back</button>
          </div>
        ),
      }}
    >
      <Buttons />
    </MailyErrorBoundary>
  </StrictMode>,
);
