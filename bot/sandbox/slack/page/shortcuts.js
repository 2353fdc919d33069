// The app's global shortcuts. As in Slack they start from "+" below the composer, from the menu
// of "/", and from the palette. The app is not told where from.

import { h, icon } from "./dom.js";
import { explain, note, post, store } from "./state.js";

const GAP = 6;

export const shortcuts = () => store.data?.shortcuts ?? [];

/** Start a shortcut; where that fails, Slackbot says so. */
export async function start({ callback_id, name }, channel, thread = "") {
  const answer = await post("shortcut", { user: store.me, callback_id, channel });
  if (answer.ok) return;
  const place = channel === "home" ? store.data.channels[0].id : channel;
  note(explain(`The shortcut “${name}”`, answer.error), place, thread);
}

/** The "+" button of a composer with its menu; `place()` is where the person writes. */
export function plusButton({ prefix, place }) {
  const menu = h("div", {
    class: "plus-menu", role: "menu", popover: "auto", testid: `${prefix}shortcut-menu`, "aria-label": "Shortcuts",
  });
  const button = h(
    "button",
    {
      class: "plus", type: "button", testid: `${prefix}shortcuts`, "aria-label": "Shortcuts",
      title: "Shortcuts", "aria-haspopup": "menu", "aria-expanded": "false",
    },
    icon("plus"),
  );

  function open() {
    const box = button.getBoundingClientRect();
    menu.replaceChildren(h("p", { class: "plus-title" }, "Shortcuts"), ...shortcuts().map(item));
    menu.showPopover();
    menu.style.setProperty("left", `${box.left}px`);
    menu.style.setProperty("bottom", `${innerHeight - box.top + GAP}px`);
    menu.querySelector("button")?.focus();
  }

  function item(shortcut) {
    const { channel, thread } = place();
    const onclick = () => {
      menu.hidePopover();
      start(shortcut, channel, thread);
    };
    const props = { class: "plus-row", type: "button", role: "menuitem", testid: `shortcut-${shortcut.callback_id}` };
    const words = h("span", null, h("b", null, shortcut.name), h("small", null, shortcut.description));
    return h("button", { ...props, onclick }, icon("bolt"), words, h("i", null, store.data.app.name));
  }

  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = [...menu.querySelectorAll("button")];
    if (!step || !rows.length) return;
    event.preventDefault();
    rows[(rows.indexOf(document.activeElement) + step + rows.length) % rows.length].focus();
  });
  menu.addEventListener("toggle", (event) => {
    const opened = event.newState === "open";
    button.setAttribute("aria-expanded", String(opened));
  });
  // Light dismissal closes the menu before the click comes: then the click must not open it.
  let wasOpen = false;
  button.addEventListener("pointerdown", () => (wasOpen = menu.matches(":popover-open")));
  button.addEventListener("click", () => {
    if (!wasOpen) open();
    wasOpen = false;
  });
  return h("span", { class: "plus-place" }, button, menu);
}
