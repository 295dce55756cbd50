// Links to what the document becomes outside of the canvas.

import type { MouseEvent, ReactElement } from "react";

import type { Config } from "../config.ts";
import type { Access } from "../key/access.ts";
import { bearer } from "../key/access.ts";
import { announce } from "../ui/announce.tsx";
import { Icon } from "../ui/icon.tsx";

interface Props {
  readonly config: Config;
  readonly access: Access;
}

/** Fetches with the key, which a link cannot carry, and hands the file over as a download. */
const download = async (url: string, name: string, key: string): Promise<void> => {
  const answer = await fetch(url, { headers: bearer(key) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const file = URL.createObjectURL(await answer.blob());
  Object.assign(document.createElement("a"), { href: file, download: name }).click();
  // The download reads it after the click, and does not say when it is done.
  setTimeout(() => URL.revokeObjectURL(file), 60_000);
};

export const Exports = ({ config, access }: Props): ReactElement => {
  // A plain link where no key is needed: the browser then shows the document instead of saving it.
  const onClick = (event: MouseEvent, url: string, format: string): void => {
    if (access.key === "") return;
    event.preventDefault();
    download(url, `${config.document}.${format.toLowerCase()}`, access.key).catch(() => {
      announce(`The ${format} could not be fetched.`);
      void access.check();
    });
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
