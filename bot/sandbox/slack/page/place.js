// Where the page is: `#/<channel>/<thread ts>`; "home" is the App Home. No state, no DOM.

/** The place an address's hash names; empty parts where it names none. */
export function parseHash(hash) {
  const [, channel = "", thread = ""] = hash.split("/");
  return { channel: decodeURIComponent(channel), thread: /^\d+\.\d+$/.test(thread) ? thread : "" };
}

/** Write the place into the address without adding an entry to the history. */
export function writeHash({ channel, thread }) {
  const hash = `#/${encodeURIComponent(channel)}${thread ? `/${thread}` : ""}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}

/** The place that a permalink of this workspace leads to, null for any other address. */
export function parsePermalink(url) {
  const match = /^\/archives\/([A-Z0-9]+)\/p(\d+)(\d{6})$/.exec(url.pathname);
  if (!match) return null;
  const [, channel, seconds, micros] = match;
  return { channel, thread: url.searchParams.get("thread_ts") ?? `${seconds}.${micros}` };
}
