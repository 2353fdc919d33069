// Slack's mrkdwn and plain_text → DOM nodes. Pure: text in, nodes out, never markup.
// Order of the grammar: fenced code, then lines (quotes, lists), then what stands in a line.

import { formatDate } from "./dates.js";
import { h } from "./dom.js";
import { EMOJI_CHARACTER, emoji, emojiCharacter } from "./emoji.js";
import { link, mention } from "./mentions.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const MARKS = { "*": "strong", _: "em", "~": "s" };
const QUOTE = /^(?:&gt;|>) ?/;
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
    if (tag) {
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

function blockOf(row) {
  if (QUOTE.test(row)) return ["blockquote", QUOTE];
  return LISTS.find(([, mark]) => mark.test(row)) ?? [null, null];
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
