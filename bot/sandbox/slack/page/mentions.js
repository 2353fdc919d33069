// References in text → nodes: <@U…>, <!subteam^S…>, <!here>, <#C…> and links.
// Names come from the live state; only harmless schemes of links can be followed.

import { h } from "./dom.js";
import { parsePermalink } from "./place.js";
import { channel, go, person, store } from "./state.js";

const SCHEMES = new Set(["http:", "https:", "mailto:", "tel:"]);

/** The node for what stands between < and > when it starts with @, # or !; null for unknown. */
export function mention(target, label) {
  if (target.startsWith("@")) return userMention(target.slice(1), label);
  if (target.startsWith("#")) return channelMention(target.slice(1), label);
  if (target.startsWith("!subteam^")) return groupMention(target.slice(9), label);
  const everyone = /^!(here|channel|everyone)$/.exec(target);
  return everyone && pill(`@${everyone[1]}`, true);
}

export function userMention(id, label = "") {
  const app = store.data?.app;
  const name = id === app?.user ? app.name : person(id)?.name;
  return pill(`@${name ?? (label || id)}`, id === store.me);
}

export function groupMention(id, label = "") {
  const group = store.data?.usergroups?.[id];
  const name = group?.handle ?? (label.replace(/^@/, "") || id);
  return pill(`@${name}`, group?.users.includes(store.me));
}

export function channelMention(id, label = "") {
  const known = channel(id);
  const name = known?.name ?? label;
  if (!known) return pill(`#${name || "unknown-channel"}`, false);
  return h("button", { class: "mention", type: "button", onclick: () => go(id) }, `#${name}`);
}

function pill(text, mine) {
  return h("span", { class: mine ? "mention mine" : "mention" }, text);
}

/** A link; a permalink of this workspace stays in the page, an odd scheme stays text. */
export function link(address, label) {
  const url = parse(address);
  const text = label || address.replace(/^mailto:/, "");
  if (!url) return document.createTextNode(label ? `${label} (${address})` : address);
  const place = parsePermalink(url);
  if (!place || !channel(place.channel)) {
    return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, text);
  }
  const onclick = (event) => {
    event.preventDefault();
    go(place.channel, place.thread);
  };
  const href = `#/${place.channel}/${place.thread}`;
  return h("a", { href, onclick }, text);
}

function parse(address) {
  try {
    const url = new URL(address);
    return SCHEMES.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}
