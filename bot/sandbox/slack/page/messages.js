// One message as a list item: made once, then only what changed in it is rebuilt.
// Also the list around it: days, the "New" line, who speaks again within five minutes.

import { block } from "./blocks.js";
import { clock, dayName, formatDate } from "./dates.js";
import { actionEnv } from "./dialog.js";
import { h, icon, keyed, slots } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";
import { author, avatar } from "./people.js";
import { go, isReply, mentions, store, unread } from "./state.js";

const GROUP_SECONDS = 300;

/** Draw messages into a list; `newFrom` is the ts after which the "New" line stands. */
export function drawMessages(list, messages, { channel, newFrom = "", parent = "" }) {
  if (list.drawnFor !== `${store.me} ${channel}`) {
    list.replaceChildren();
    list.keyedNodes = new Map();
    list.drawnFor = `${store.me} ${channel}`;
  }
  keyed(list, rows(messages, newFrom, Boolean(parent)), {
    key: (row) => row.key,
    create: (row) => (row.m ? makeMessage(row.m, channel, parent) : divider(row)),
    update: (node, row) => {
      if (row.m) updateMessage(node, /** @type {any} */ (row));
    },
  });
}

function rows(messages, newFrom, inThread) {
  const out = [];
  let before = null;
  let marked = false;
  for (const m of messages.filter((each) => !each.deleted || each.reply_count)) {
    const day = dayName(Number(m.ts));
    if (!inThread && (!before || dayName(Number(before.ts)) !== day)) out.push({ key: `day ${day}`, day });
    if (newFrom && !marked && Number(m.ts) > Number(newFrom) && m.user !== store.me) {
      marked = out.push({ key: "new" }) > 0;
    }
    const joins = out.at(-1)?.m === before && sameBreath(before, m);
    out.push({ key: m.ts, m, joins });
    before = m;
  }
  return out;
}

function sameBreath(a, b) {
  const apart = (m) => m.ephemeral || m.broadcast;
  const plainPair = a && !apart(a) && !apart(b) && !a.reply_count && !a.deleted;
  return plainPair && a.user === b.user && Number(b.ts) - Number(a.ts) < GROUP_SECONDS;
}

function divider(row) {
  if (row.day) return h("li", { class: "day" }, h("span", null, row.day));
  return h("li", { class: "new-line", testid: "new-line" }, h("span", null, "New"));
}

function makeMessage(m, channel, parent) {
  const node = h(
    "li",
    { class: "msg", tabindex: "-1", testid: parent === m.ts ? "thread-parent" : `message-${m.ts}` },
  );
  node.env = actionEnv("click", () => ({ channel, ts: m.ts }));
  node.inThread = Boolean(parent);
  node.channel = channel;
  node.parts = {
    side: h("div", { class: "msg-side" }),
    head: h("div"),
    body: h("div", { class: "msg-body" }),
    foot: h("div"),
  };
  const { side, head, body, foot } = node.parts;
  node.append(side, h("div", { class: "msg-main" }, head, body, foot));
  if (!m.ephemeral) node.append(toolbar(m, channel, Boolean(parent)));
  return node;
}

function updateMessage(node, { m, joins }) {
  const { side, head, body, foot } = node.parts;
  node.classList.toggle("joins", Boolean(joins));
  node.classList.toggle("ephemeral", Boolean(m.ephemeral));
  slots(side, [Boolean(joins)], () => (joins ? stamp(m) : avatar(m.user)));
  slots(head, [[Boolean(joins), author(m.user), m.ephemeral]], () => headOf(m, joins, node));
  slots(body, content(m), (b) => (b.plain === undefined ? block(b, node.env) : words(b)));
  slots(
    foot,
    m.reply_count && !node.inThread ? [[m.reply_count, m.last_reply_ts, pinged(m, node.channel)]] : [],
    ([, , count]) => replies(m, count),
  );
}

function stamp(m) {
  const full = formatDate(Number(m.ts), "{date_long}, {time_secs}");
  return h("time", { class: "stamp", title: full }, clock(Number(m.ts)));
}

/** Of a reply that was sent to the channel as well: what it belongs to, or that it was. */
function broadcast(m, { inThread, channel }) {
  if (!m.broadcast) return null;
  if (inThread) return h("p", { class: "broadcast" }, "Also sent to the channel");
  const onclick = () => go(channel, m.thread_ts);
  return h("p", { class: "broadcast" }, "replied to ", h("button", { type: "button", onclick }, "a thread"));
}

function headOf(m, joins, node) {
  const { name, app, guest } = author(m.user);
  const only = m.ephemeral && h("p", { class: "only-you" }, icon("eye"), "Only visible to you");
  if (joins) return h("div", null, only);
  const badge = (app && "APP") || (guest && "GUEST");
  return h(
    "div",
    null,
    only,
    h(
      "div",
      { class: "msg-head" },
      h("b", null, name),
      badge && h("span", { class: "badge" }, badge),
      stamp(m),
    ),
    broadcast(m, node),
  );
}

/** Blocks where there are any, else the text; the edited mark belongs to the last of them. */
function content(m) {
  if (m.deleted) return [{ plain: "_This message was deleted._", edited: false }];
  if (!m.blocks?.length) return [{ plain: m.text, edited: m.edited }];
  return m.edited ? [...m.blocks, { plain: "", edited: true }] : m.blocks;
}

function words({ plain, edited }) {
  const mark = edited && h("span", { class: "edited" }, plain ? " (edited)" : "(edited)");
  return h("div", { class: "b-text" }, mrkdwn(plain), mark);
}

/** How many replies below a message ping the reader and were not read. */
function pinged(m, channel) {
  const below = unread(store.me, channel).filter((r) => isReply(r) && r.thread_ts === m.ts);
  return below.filter((r) => mentions(r, store.me)).length;
}

function replies(m, waiting) {
  const count = `${m.reply_count} ${m.reply_count > 1 ? "replies" : "reply"}`;
  const at = Number(m.last_reply_ts);
  const last = at > 0 && `Last reply ${dayName(at).toLowerCase()} at ${clock(at)}`;
  const onclick = () => go(store.place.channel, m.ts);
  return h(
    "button",
    { class: "replies", type: "button", testid: `open-thread-${m.ts}`, onclick },
    avatar(m.user, "tiny"),
    h("b", null, count),
    waiting > 0 && h("span", { class: "count", "aria-label": `${waiting} for you` }, String(waiting)),
    h("span", { class: "last" }, last),
    h("span", { class: "view" }, "View thread", icon("chevron")),
  );
}

function toolbar(m, channel, inThread) {
  const copy = () => navigator.clipboard?.writeText(
    `${location.origin}/archives/${channel}/p${m.ts.replace(".", "")}`,
  );
  const thread = () => go(channel, isReply(m) ? m.thread_ts : m.ts);
  const button = (name, label, onclick) =>
    h("button", { class: "icon-btn", type: "button", "aria-label": label, title: label, onclick }, icon(name));
  return h(
    "div",
    { class: "msg-tools" },
    !inThread && button("reply", "Reply in thread", thread),
    button("link", "Copy link to message", copy),
  );
}
