// Slack's mrkdwn, plain_text and rich_text → DOM nodes: text in, nodes out, never markup. As much of
// it as the bot writes: no shortcodes of emoji, no fenced code, no quotes or lists.
// Names in references come from the live state; only harmless schemes of links can be followed.

import { formatDate } from "./dates.js";
import { h } from "./dom.js";
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

/** Undo Slack's three escapes. */
function unescape(text) {
  return text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);
}

/** A text object of Block Kit (`mrkdwn` or `plain_text`) as nodes. */
export function textObject(object) {
  if (!object) return [];
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plain(object.text);
}

/** plain_text: nothing is formatted. */
export function plain(text) {
  return scan(text, [symbol]);
}

/** mrkdwn as nodes, line breaks and all. */
export function mrkdwn(text) {
  return String(text ?? "").split("\n").flatMap((line, i) => [...(i ? [h("br")] : []), ...inline(line)]);
}

/** One line of mrkdwn. */
function inline(text) {
  return scan(text, [codeSpan, reference, marked, entity, bareLink, meter, symbol]);
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

function symbol(text, at) {
  const m = match(SYMBOL, text, at);
  return m && { length: m[0].length, nodes: [drawn(m[0])] };
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

const SVG = "http://www.w3.org/2000/svg";
const WHITE = { stroke: "#fff", "stroke-width": "2.2", "stroke-linecap": "round", fill: "none" };
const dot = (fill) => ["circle", { cx: 10, cy: 10, r: 8.5, fill }];
const path = (d, attributes) => ["path", { d, ...attributes }];

/** The symbols that states lean on, drawn so that they exist and look the same on every machine. */
const DRAWN = {
  "✅": [["rect", { x: 1, y: 1, width: 18, height: 18, rx: 4.5, fill: "#2f9e5b" }], path("M5.5 10.5l3 3 6-7", WHITE)],
  "❌": [path("M5 5l10 10M15 5 5 15", { ...WHITE, stroke: "#dd2e44", "stroke-width": 3.4 })],
  "⛔": [dot("#dd2e44"), path("M5.5 10h9", { ...WHITE, "stroke-width": 3 })],
  "⚠️": [
    path("M10 2.5 18.5 17.5H1.5z", { fill: "#ffcc4d", stroke: "#ffcc4d", "stroke-width": 2, "stroke-linejoin": "round" }),
    path("M10 7.5v5M10 15.2v.2", { ...WHITE, stroke: "#3b2f0b" }),
  ],
  "⏳": [
    path("M5 2.5h10M5 17.5h10", { stroke: "#a0642c", "stroke-width": 2.4, "stroke-linecap": "round" }),
    path("M6 3.5h8v2.8L11 10l3 3.7v2.8H6v-2.8L9 10 6 6.3z", { fill: "#d9ecf7", stroke: "#8fb3c9" }),
    path("M7.3 6h5.4L10 9.3zM7 16l3-3.2 3 3.2z", { fill: "#f2b544" }),
  ],
  "🟠": [dot("#ed8b2e")],
  "⚪": [dot("#c9d1d8")],
};
const SYMBOL = new RegExp(Object.keys(DRAWN).join("|"), "y");

function drawn(character) {
  const svg = element("svg", { viewBox: "0 0 20 20", class: "emoji", role: "img", "aria-label": character });
  const title = element("title", {});
  title.textContent = character;
  svg.append(title, ...DRAWN[character].map(([tag, attributes]) => element(tag, attributes)));
  return svg;
}

function element(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

const CONTAINERS = {
  rich_text_section: (e) => h("div", null, e.elements.map(leaf)),
  rich_text_quote: (e) => h("blockquote", { class: "mk-quote" }, e.elements.map(leaf)),
};

const LEAVES = {
  text: (e) => e.text,
  link: (e) => link(e.url, e.text),
  user: (e) => userMention(e.user_id),
  date: (e) => formatDate(e.timestamp, e.format) ?? e.fallback,
};

/** The nodes of a rich_text block's elements. */
export function richText(elements) {
  return elements.map((e) => CONTAINERS[e.type]?.(e) ?? leaf(e));
}

function leaf(e) {
  const node = LEAVES[e.type]?.(e) ?? "";
  return e.style?.bold ? h("strong", null, node) : node;
}
