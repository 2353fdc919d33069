// The centre of the page: the head of a channel, its messages and the composer below them; and
// the pane beside it with one message and its replies. Both lists follow their end only while the
// reader is there, otherwise a pill says that there is more below.

import { makeComposer } from "./composer.js";
import { closeButton } from "./dialog.js";
import { announce, h, icon, part, setText, slots } from "./dom.js";
import { drawMessages } from "./messages.js";
import { channel, go, inChannel, isReply, markRead, markThreadRead, messagesOf, panels, readUpTo, store, unread } from "./state.js";
import { tryIt } from "./tryit.js";
import { homeView } from "./views.js";

const NEAR_PX = 60;

/** A scrolling box around `content`, with its "more below" pill. */
function makeScroller(content) {
  const box = h("div", { class: "scroll", tabindex: "0", "aria-label": "Messages", role: "region" }, content);
  const end = () => box.scrollTo({ top: box.scrollHeight });
  const pill = h(
    "button",
    { class: "more-below", type: "button", hidden: true, onclick: end },
    icon("down"),
    "New messages",
  );
  const scroller = { node: h("div", { class: "scroller" }, box, pill), box, pill, end, follows: true };
  box.addEventListener("scroll", () => {
    scroller.follows = atEnd(box);
    if (scroller.follows) pill.hidden = true;
  });
  new ResizeObserver(() => scroller.follows && end()).observe(box);
  return scroller;
}

const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;

/** Run `draw`; stay at the end when there (or when `force`), else offer the way down. */
function keepAtBottom(scroller, force, draw) {
  const { box, pill } = scroller;
  const count = box.querySelectorAll(".msg").length;
  const height = box.scrollHeight;
  draw();
  if (force || scroller.follows) {
    scroller.follows = true;
    if (box.scrollHeight !== height || force) scroller.end();
  } else if (box.querySelectorAll(".msg").length > count) {
    pill.hidden = false;
  }
}

const parentList = h("ol", { class: "messages", "aria-label": "Message" });
const count = h("div", { class: "reply-count" }, h("span"));
const replyList = h("ol", { class: "messages", "aria-label": "Replies" });
const threadScroller = makeScroller(h("div", null, parentList, count, replyList));
const where = h("span", { class: "about" });
const place = () => ({ channel: store.place.channel, thread: store.place.thread });

const threadComposer = makeComposer({ prefix: "thread-", place });

let root = null;
let threadShown = "";

export function mountThread(node) {
  root = node;
  const title = h("div", { class: "head-title" }, h("h2", null, "Thread"), where);
  root.append(
    h("header", { class: "head" }, title, closeButton("Close thread", closeThread, "thread-close")),
    threadScroller.node,
    threadComposer.node,
  );
}

export function closeThread() {
  go(store.place.channel);
}

/** Draw the thread of the current place; the ts of a reply opens its parent's thread. */
export function drawThread() {
  const { channel: id, thread } = store.place;
  const all = thread ? messagesOf(id) : [];
  const named = all.find((m) => m.ts === thread);
  const parentTs = named && isReply(named) ? named.thread_ts : thread;
  const parent = all.find((m) => m.ts === parentTs);
  const here = channel(id);
  root.hidden = !parent;
  part("app").classList.toggle("with-thread", Boolean(parent));
  if (!parent || !here) {
    threadShown = "";
    return;
  }
  if (parentTs !== thread) return go(id, parentTs);
  drawOpen(here, parent, all.filter((m) => isReply(m) && m.thread_ts === parentTs));
}

function drawOpen(here, parent, replies) {
  const { id } = here;
  const arrived = `${store.me} ${id} ${parent.ts}`;
  setText(where, `${here.dm ? "" : "#"}${here.name}`);
  setText(count.firstChild, replies.length === 1 ? "1 reply" : `${replies.length} replies`);
  count.hidden = replies.length === 0;
  keepAtBottom(threadScroller, threadShown !== arrived, () => {
    drawMessages(parentList, [parent], { channel: id, parent: parent.ts });
    drawMessages(replyList, replies, { channel: id, parent: parent.ts });
  });
  threadShown = arrived;
  if (document.visibilityState === "visible") markThreadRead(id, parent.ts);
  threadComposer.refresh("Reply…", here.closed);
}

const head = h("header", { class: "head" });
const list = h("ol", { class: "messages", testid: "messages", "aria-label": "Messages" });
const extra = h("div", { class: "extra" });
const scroller = makeScroller(h("div", null, extra, list));
const home = homeView();

export const composer = makeComposer({ prefix: "", place: () => ({ channel: store.place.channel }) });

const steps = tryIt();
const talk = h("div", { class: "talk" }, steps.node, scroller.node, composer.node);
let shown = "";
let newFrom = "";
let lastSeen = "";

/** Put the centre's parts into the page, once. */
export function mountChannel(root) {
  root.append(head, talk, home.node);
}

/** Draw what the current place shows. */
export function drawChannel() {
  const id = store.place.channel;
  const isHome = id === "home";
  talk.hidden = isHome;
  home.node.hidden = !isHome;
  drawHead(isHome);
  home.draw(isHome);
  if (!isHome) drawTalk(channel(id));
}

function drawTalk(here) {
  const arrived = `${store.me} ${here.id}`;
  const moved = shown !== arrived;
  if (moved) [newFrom, lastSeen] = [unread(store.me, here.id).length ? readUpTo(store.me, here.id) : "", ""];
  shown = arrived;
  steps.draw(here);
  const messages = messagesOf(here.id).filter(inChannel);
  keepAtBottom(scroller, moved || concerns(messages.at(-1)), () => {
    drawMessages(list, messages, { channel: here.id, newFrom });
    slots(extra, [here], beginning);
  });
  tell(messages.at(-1), moved);
  if (document.visibilityState === "visible") markRead(here.id);
  composer.refresh(`Message ${here.dm ? "" : "#"}${here.name}`, here.closed);
}

/** A new message that its reader waits for: their own, or an answer to them alone. */
function concerns(last) {
  return Boolean(last) && last.ts !== lastSeen && (last.user === store.me || last.ephemeral);
}

/** What stands above the first message. */
function beginning(here) {
  const sign = here.dm ? null : h("span", { class: "beginning-sign" }, icon(here.private ? "lock" : "hash"));
  const kind = here.private ? "private channel" : "channel";
  const who = here.dm
    ? `Only you and ${here.name} see this.`
    : `This is the very beginning of the ${kind} #${here.name}.`;
  return h(
    "div",
    { class: "beginning" },
    sign,
    h("div", null, h("h2", null, here.dm ? here.name : `#${here.name}`), h("p", null, who)),
  );
}

/** A new message of somebody else is read out, and counted when it is below the fold. */
function tell(last, moved) {
  if (!last || last.ts === lastSeen) return;
  const fresh = lastSeen !== "" && !moved && last.user !== store.me;
  lastSeen = last.ts;
  if (!fresh) return;
  const name = store.data.people.find((p) => p.id === last.user)?.name ?? store.data.app.name;
  announce(`${name}: ${list.lastElementChild.querySelector(".msg-body")?.textContent ?? ""}`);
}

function drawHead(isHome) {
  const here = isHome ? { name: store.data.app.name, home: true } : channel(store.place.channel);
  slots(head, ["menu", here, panels.cloud], (value, i) => {
    if (i === 0) return tool("menu", "Show the workspace", "only-narrow", () => panels.toggle("sidebar"));
    if (i === 1) return title(value);
    return cloudToggle();
  });
}

function title(here) {
  const sign = here.home || here.dm ? null : icon(here.private ? "lock" : "hash", "dim");
  const tags = [
    here.shared && tag("shared", "Shared with another organisation"),
    here.archived && tag("archived", "Nothing can be posted here"),
    !here.home && !here.dm && !here.bot_member && tag(
      `${store.data.app.name} is not here`,
      "The app was not invited to this channel",
    ),
  ];
  const about = here.home && "App Home";
  return h(
    "div",
    { class: "head-title" },
    h("h1", null, sign, here.name),
    about && h("span", { class: "about" }, about),
    tags,
  );
}

const tag = (text, why) => h("span", { class: "tag", title: why }, text);

function tool(name, label, className, onclick) {
  return h(
    "button",
    { class: `icon-btn ${className}`, type: "button", "aria-label": label, title: label, onclick },
    icon(name),
  );
}

function cloudToggle() {
  const props = {
    class: "cloud-toggle",
    type: "button",
    testid: "cloud-toggle",
    "aria-expanded": String(panels.cloud),
    "aria-controls": "cloud",
  };
  return h(
    "button",
    { ...props, onclick: () => panels.toggle("cloud") },
    icon("cloud"),
    h("span", null, "Cloud"),
  );
}
