// The pane beside the channel: one message with its replies, and a composer for the thread.

import { makeComposer } from "./composer.js";
import { closeButton } from "./dialog.js";
import { h, setText } from "./dom.js";
import { drawMessages } from "./messages.js";
import { keepAtBottom, makeScroller } from "./scroll.js";
import { channel, go, isReply, messagesOf, store } from "./state.js";

const parentList = h("ol", { class: "messages", "aria-label": "Message" });
const count = h("div", { class: "reply-count" }, h("span"));
const list = h("ol", { class: "messages", "aria-label": "Replies" });
const scroller = makeScroller(h("div", null, parentList, count, list));
const where = h("span", { class: "about" });
const place = () => ({ channel: store.place.channel, thread: store.place.thread });

const threadComposer = makeComposer({ prefix: "thread-", place });

let root = null;
let shown = "";

export function mountThread(node) {
  root = node;
  const title = h("div", { class: "head-title" }, h("h2", null, "Thread"), where);
  root.append(
    h("header", { class: "head" }, title, closeButton("Close thread", closeThread, "thread-close")),
    scroller.node,
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
  root.hidden = !parent;
  document.getElementById("app").classList.toggle("with-thread", Boolean(parent));
  if (!parent) {
    shown = "";
    return;
  }
  if (parentTs !== thread) return go(id, parentTs);
  drawOpen(id, parent, all.filter((m) => isReply(m) && m.thread_ts === parentTs));
}

function drawOpen(id, parent, replies) {
  const here = channel(id);
  const arrived = `${store.me} ${id} ${parent.ts}`;
  setText(where, `${here.dm ? "" : "#"}${here.name}`);
  setText(count.firstChild, replies.length === 1 ? "1 reply" : `${replies.length} replies`);
  count.hidden = replies.length === 0;
  keepAtBottom(scroller, shown !== arrived, () => {
    drawMessages(parentList, [parent], { channel: id, parent: parent.ts });
    drawMessages(list, replies, { channel: id, parent: parent.ts });
  });
  shown = arrived;
  threadComposer.refresh("Reply…", here.archived);
}
