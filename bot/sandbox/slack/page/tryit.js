// *Try it*: a checklist above the messages of the channel where the app is. Each step says what to
// do and what to expect, and is ticked when it has happened; a click on a line writes it.
// It is open until the first step is done, then as its reader leaves it.

import { h, icon, slots } from "./dom.js";
import { store } from "./state.js";

const KEY = "try-it";

/** The composer tells us how to insert a text, so that the two don't import each other. */
export const inserter = { insert: /** @type {(text: string, caret?: number) => void} */ (() => {}) };

/** The checklist, and `draw(channel)`. */
export function tryIt() {
  const summary = h("summary", { testid: "try-it-summary" });
  const list = h("ol", { class: "steps" });
  const node = h("details", { class: "try", testid: "try-it", hidden: true }, summary, list);
  summary.addEventListener("click", () => localStorage.setItem(KEY, node.open ? "closed" : "open"));
  return { node, draw: (here) => draw(node, summary, list, here) };
}

function draw(node, summary, list, here) {
  const steps = store.data.checklist;
  node.hidden = !steps.length || here.dm || here.archived || !here.bot_member;
  if (node.hidden) return;
  const done = steps.filter((s) => s.done).length;
  const choice = localStorage.getItem(KEY);
  node.open = choice ? choice === "open" : done === 0;
  const next = steps.find((s) => !s.done)?.title;
  slots(summary, [[done, steps.length, next]], headline);
  slots(list, steps, step);
}

function headline([done, all, next]) {
  const words = next ? `${done} of ${all} done · next: ${next}` : "all done";
  return h("span", { class: "try-title" }, h("b", null, "Try it"), h("span", { class: "about" }, words));
}

function step({ name, title, do: what, expect, line, done }) {
  const sign = h("span", { class: "tick", role: "img", "aria-label": done ? "Done" : "Not done yet" }, done && icon("check"));
  const insert = { class: "example", type: "button", title: "Write this line", onclick: () => inserter.insert(line) };
  return h(
    "li",
    { class: done ? "step done" : "step", testid: `step-${name}` },
    sign,
    h(
      "div",
      null,
      h("p", null, h("b", null, title), " ", what),
      line && h("button", insert, h("code", null, line)),
      h("p", { class: "expect" }, expect),
    ),
  );
}
