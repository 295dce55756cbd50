// Links to what the document becomes outside of the canvas.

import type { MailyError } from "@maily/errors";
import { isMailyError, matchKind } from "@maily/errors";
import type { FallbackProps } from "@maily/errors/react";
import { Fallback, MailyErrorBoundary, useMailyError } from "@maily/errors/react";
import type { MouseEvent, ReactElement } from "react";

import type { Config } from "../config.ts";
import type { Access } from "../key/access.ts";
import { Icon } from "../ui/icon.tsx";

interface Props {
  readonly config: Config;
  readonly access: Access;
}

const Links = ({ config, access }: Props): ReactElement => {
  const { guard } = useMailyError();
  const fetched = guard(async (url: string, format: string): Promise<void> => {
    try {
      const { download, show } = await import("./deliver.ts");
      await (access.key === "" ? show(url) : download(url, `${config.document}.${format}`, access.key));
    } catch (thrown) {
      if (!isMailyError(thrown)) throw thrown;
      matchKind(thrown, {
        // Who lacks the key is asked for it, and can then try again.
        unauthorized: () => void access.check(),
        _: (error) => {
          throw error;
        },
      });
    }
  });
  // With a modifier the browser does what its user wants.
  const onClick = (event: MouseEvent, url: string, format: string): void => {
    if (access.key === "" && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    void fetched(url, format.toLowerCase());
  };

  return (
    <nav className="group exports" aria-label="Export">
      {([["HTML", config.html], ["SVG", config.svg]] as const).map(([format, url]) => (
        <a
          key={format}
          className="button small"
          href={url}
          target="_blank"
          rel="noreferrer"
          onClick={(event) => onClick(event, url, format)}
        >
          <Icon name="download" />
          {format}
        </a>
      ))}
    </nav>
  );
};

const Empty = ({ error, reset }: FallbackProps<MailyError<"document-not-found">>): ReactElement => (
  <div className="problem">
    <div role="alert" data-code={error.code}>
      <p>There is nothing to export yet.</p>
      <p>
        <button type="button" autoFocus onClick={reset}>
          Back
        </button>
      </p>
    </div>
  </div>
);

const Failed = ({ error, reset }: FallbackProps): ReactElement => (
  <div className="problem">
    <Fallback error={error} reset={reset} labels={{ again: "Back" }} />
  </div>
);

export const Exports = (props: Props): ReactElement => (
  <div className="exports-place">
    <MailyErrorBoundary byCode={{ "document-not-found": Empty }} fallback={Failed}>
      <Links {...props} />
    </MailyErrorBoundary>
  </div>
);
