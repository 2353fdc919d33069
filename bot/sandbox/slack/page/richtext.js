// The rich_text block: sections, lists, quotes and code, made of styled elements.

import { formatDate } from "./dates.js";
import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelMention, groupMention, link, mention, userMention } from "./mentions.js";

const STYLES = [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"]];

const CONTAINERS = {
  rich_text_section: (e) => h("div", null, e.elements.map(leaf)),
  rich_text_quote: (e) => h("blockquote", { class: "mk-quote" }, e.elements.map(leaf)),
  rich_text_preformatted: (e) => h("pre", { class: "mk-pre" }, e.elements.map(leaf)),
  rich_text_list: list,
};

const LEAVES = {
  text: (e) => e.text,
  link: (e) => link(e.url, e.text),
  user: (e) => userMention(e.user_id),
  usergroup: (e) => groupMention(e.usergroup_id),
  channel: (e) => channelMention(e.channel_id),
  broadcast: (e) => mention(`!${e.range}`, ""),
  emoji: (e) => emoji(e.name) ?? `:${e.name}:`,
  date: (e) => formatDate(e.timestamp, e.format) ?? e.fallback,
};

/** The nodes of a rich_text block's elements. */
export function richText(elements) {
  return elements.map((e) => CONTAINERS[e.type]?.(e) ?? leaf(e));
}

function list(e) {
  const tag = e.style === "ordered" ? "ol" : "ul";
  const items = e.elements.map((item) => h("li", null, item.elements.map(leaf)));
  const indent = { "--indent": String(e.indent ?? 0) };
  return h(tag, { class: "mk-list", style: indent }, items);
}

function leaf(e) {
  const node = LEAVES[e.type]?.(e) ?? "";
  return STYLES.reduce((inner, [name, tag]) => {
    if (!e.style?.[name]) return inner;
    return h(tag, tag === "code" ? { class: "mk-code" } : null, inner);
  }, node);
}
