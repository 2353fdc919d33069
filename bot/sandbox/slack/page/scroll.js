// Lists that grow at their end: they follow only when the reader is at the end already,
// otherwise a pill says that there is more below.

import { h, icon } from "./dom.js";

const NEAR_PX = 60;

/** A scrolling box around `content`, with its "more below" pill. */
export function makeScroller(content) {
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
export function keepAtBottom(scroller, force, draw) {
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
