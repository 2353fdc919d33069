// Slack's mrkdwn, plain_text and rich_text → DOM nodes: text in, nodes out, never markup.
// Order of the grammar: fenced code, then lines (quotes, lists), then what stands in a line.
// Names in references come from the live state; only harmless schemes of links can be followed.

import { formatDate } from "./dates.js";
import { h } from "./dom.js";
import { emoji, EMOJI_CHARACTER, emojiCharacter } from "./emoji.js";
import { channel, go, parsePermalink, person, store } from "./state.js";

const SCHEMES = new Set(["http:", "https:", "mailto:", "tel:"]);

/** The node for what stands between < and > when it starts with `@`, `#` or `!`; null for unknown. */
function mention(target, label) {
  if (target.startsWith("@")) return userMention(target.slice(1), label);
  if (target.startsWith("#")) return channelMention(target.slice(1), label);
  if (target.startsWith("!subteam^")) return groupMention(target.slice(9), label);
  const everyone = /^!(here|channel|everyone)$/.exec(target);
  return everyone && pill(`@${everyone[1]}`, true);
}

function userMention(id, label = "") {
  const app = store.data?.app;
  const name = id === app?.user ? app.name : person(id)?.name;
  return pill(`@${name ?? (label || id)}`, id === store.me);
}

function groupMention(id, label = "") {
  const group = store.data?.usergroups?.[id];
  const name = group?.handle ?? (label.replace(/^@/, "") || id);
  return pill(`@${name}`, group?.users.includes(store.me));
}

function channelMention(id, label = "") {
  const known = channel(id);
  const name = known?.name ?? label;
  if (!known) return pill(`#${name || "unknown-channel"}`, false);
  return h("button", { class: "mention", type: "button", onclick: () => go(id) }, `#${name}`);
}

function pill(text, mine) {
  return h("span", { class: mine ? "mention mine" : "mention" }, text);
}

/** A link; a permalink of this workspace stays in the page, an odd scheme stays text. */
function link(address, label) {
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

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const MARKS = { "*": "strong", _: "em", "~": "s" };
const QUOTE = /^(?:&gt;|>) ?/;
/** @type {[string, RegExp][]} */
const LISTS = [["ul", /^\s*[•◦▪-] +/], ["ol", /^\s*\d+\. +/]];

/** Undo Slack's three escapes. */
function unescape(text) {
  return text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);
}

/** A text object of Block Kit (`mrkdwn` or `plain_text`) as nodes. */
export function textObject(object) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text);
  return plain(object.text, object.emoji !== false);
}

/** plain_text: nothing is formatted; shortcodes become emoji unless switched off. */
export function plain(text, withEmoji = true) {
  return scan(text, withEmoji ? [shortcode, character] : [character]);
}

/** mrkdwn as nodes, line breaks and all. */
export function mrkdwn(text) {
  const parts = String(text ?? "").split(/```\n?([\s\S]+?)\n?```/);
  return parts.flatMap((part, i) => {
    if (i % 2) return [h("pre", { class: "mk-pre" }, code(part))];
    return lines(trimAround(part, i, parts.length));
  });
}

/** The line break beside a fenced block belongs to the fence. */
function trimAround(part, index, count) {
  const head = index > 0 ? part.replace(/^\n/, "") : part;
  return index < count - 1 ? head.replace(/\n$/, "") : head;
}

function lines(text) {
  if (!text) return [];
  const out = [];
  const rows = text.split("\n");
  let afterText = false;
  for (let i = 0; i < rows.length; ) {
    const [tag, mark] = blockOf(rows[i]);
    let end = i + 1;
    if (mark) {
      while (end < rows.length && mark.test(rows[end])) end += 1;
      out.push(blockNode(tag, mark, rows.slice(i, end)));
    } else {
      if (afterText) out.push(h("br"));
      out.push(...inline(rows[i]));
    }
    afterText = !tag;
    i = end;
  }
  return out;
}

/** @returns {[string, RegExp] | []} */
function blockOf(row) {
  if (QUOTE.test(row)) return ["blockquote", QUOTE];
  return LISTS.find(([, mark]) => mark.test(row)) ?? [];
}

function blockNode(tag, mark, rows) {
  const bare = rows.map((row) => row.replace(mark, ""));
  if (tag === "blockquote") return h("blockquote", { class: "mk-quote" }, lines(bare.join("\n")));
  const start = tag === "ol" ? parseInt(rows[0], 10) : null;
  return h(tag, { class: "mk-list", start }, bare.map((row) => h("li", null, inline(row))));
}

/** One line of mrkdwn. */
function inline(text) {
  return scan(text, [codeSpan, reference, shortcode, marked, entity, bareLink, meter, character]);
}

/** Walk over a text; each rule may take what starts at a position and give nodes for it. */
function scan(text, rules) {
  const out = [];
  let plainFrom = 0;
  let at = 0;
  while (at < text.length) {
    const hit = rules.reduce((found, rule) => found ?? rule(text, at), null);
    if (!hit) {
      at += 1;
      continue;
    }
    if (at > plainFrom) out.push(document.createTextNode(text.slice(plainFrom, at)));
    out.push(...hit.nodes);
    plainFrom = at += hit.length;
  }
  if (at > plainFrom) out.push(document.createTextNode(text.slice(plainFrom)));
  return out;
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function codeSpan(text, at) {
  const m = match(/`([^`\n]+)`/y, text, at);
  return m && { length: m[0].length, nodes: [h("code", { class: "mk-code" }, code(m[1]))] };
}

/** Code shows its text as it is; a reference in it shows its label. */
function code(text) {
  const bare = text.replace(/<([^<>\n|]+)(?:\|([^<>\n]*))?>/g, (_, target, label) => label ?? target);
  return unescape(bare);
}

function reference(text, at) {
  const m = match(/<([^<>\n]+)>/y, text, at);
  const node = m && referenceNode(m[1]);
  return node && { length: m[0].length, nodes: [node] };
}

function referenceNode(inside) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? "" : unescape(inside.slice(bar + 1));
  if (target.startsWith("!date^")) return dateNode(target, label);
  return /^[@#!]/.test(target) ? mention(target, label) : link(unescape(target), label);
}

function dateNode(target, fallback) {
  const [, seconds, format, url] = target.split("^");
  const text = formatDate(Number(seconds), format ?? "") ?? fallback;
  const node = h("time", { title: formatDate(Number(seconds), "{date_long} {time_secs}") }, text);
  return url ? link(unescape(url), text) : node;
}

function shortcode(text, at) {
  const m = match(/:([a-z0-9_+-]+):/y, text, at);
  const node = m && emoji(m[1]);
  return node && { length: m[0].length, nodes: [node] };
}

function character(text, at) {
  const m = match(EMOJI_CHARACTER, text, at);
  return m && { length: m[0].length, nodes: [emojiCharacter(m[0])] };
}

/** *bold*, _italic_, ~strike~: at word boundaries, with no blank just inside. */
function marked(text, at) {
  const tag = MARKS[text[at]];
  if (!tag || /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
  const mark = text[at] === "*" ? "\\*" : text[at];
  const inside = "((?:<[^<>\\n]*>|`[^`\\n]*`|[^\\n])+?)(?<=\\S)";
  const m = match(new RegExp(`${mark}(?!\\s|${mark})${inside}${mark}(?![\\p{L}\\p{N}])`, "uy"), text, at);
  if (!m) return null;
  return { length: m[0].length, nodes: [h(tag, null, inline(m[1]))] };
}

function entity(text, at) {
  const m = match(/&(?:amp|lt|gt);/y, text, at);
  return m && { length: m[0].length, nodes: [document.createTextNode(ENTITIES[m[0]])] };
}

function bareLink(text, at) {
  if (text[at] !== "h" || /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
  const m = match(/https?:\/\/[^\s<>|]+[^\s<>|.,;:!?'")\]]/y, text, at);
  return m && { length: m[0].length, nodes: [link(unescape(m[0]), "")] };
}

/** A progress bar of ▰ and ▱: the same text, its done part in the accent colour. */
function meter(text, at) {
  const m = match(/(▰*)(▱*)/y, text, at);
  if (m[0].length < 4) return null;
  const bar = h("span", { class: "meter" }, h("span", { class: "meter-done" }, m[1]), m[2]);
  return { length: m[0].length, nodes: [bar] };
}

const STYLES = [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"]];

const CONTAINERS = {
  rich_text_section: (e) => h("div", null, e.elements.map(leaf)),
  rich_text_quote: (e) => h("blockquote", { class: "mk-quote" }, e.elements.map(leaf)),
};

const LEAVES = {
  text: (e) => e.text,
  link: (e) => link(e.url, e.text),
  user: (e) => userMention(e.user_id),
  usergroup: (e) => groupMention(e.usergroup_id),
  emoji: (e) => emoji(e.name) ?? `:${e.name}:`,
  date: (e) => formatDate(e.timestamp, e.format) ?? e.fallback,
};

/** The nodes of a rich_text block's elements. */
export function richText(elements) {
  return elements.map((e) => CONTAINERS[e.type]?.(e) ?? leaf(e));
}

function leaf(e) {
  const node = LEAVES[e.type]?.(e) ?? "";
  return STYLES.reduce((inner, [name, tag]) => {
    if (!e.style?.[name]) return inner;
    return h(tag, tag === "code" ? { class: "mk-code" } : null, inner);
  }, node);
}
