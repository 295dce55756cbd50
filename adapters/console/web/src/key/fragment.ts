// The key in the page's address: `#key=...`, which no browser sends to a server.

/** Returns the key of a fragment, "" if it has none. */
export const fromFragment = (hash: string): string => {
  const [, key = ""] = /^#key=(.*)$/su.exec(hash) ?? [];
  try {
    return decodeURIComponent(key);
  } catch {
    // A stray `%` is part of the key.
    return key;
  }
};

/** Takes the key out of the address, so that it is in no bookmark, no screenshot and no history. */
export const take = (): string => {
  const key = fromFragment(location.hash);
  if (key !== "") history.replaceState(history.state, "", location.pathname + location.search);
  return key;
};
