// Where people write: grows with its text, sends with Enter, recalls with Up, completes
// commands. A text that starts with `/` is a slash command, everything else a message.

import { makeMenu, plusButton, start } from "./commandmenu.js";
import { h, icon, setText } from "./dom.js";
import { explain, note, post, store } from "./state.js";

const WAIT_MS = 300;
const KEEP = 50;

/** A composer; `place()` gives its channel and thread, `prefix` its test ids. */
export function makeComposer({ prefix, place }) {
  const id = `${prefix}composer`;
  const input = h(
    "textarea",
    { id, class: "composer-input", rows: 1, testid: id, autocomplete: "off", spellcheck: "true" },
  );
  const button = h(
    "button",
    { class: "send", type: "button", testid: `${prefix}send`, "aria-label": "Send", title: "Send (Enter)" },
    icon("send"),
  );
  const hint = h("div", { class: "composer-hint", "aria-live": "polite" });
  const keys = prefix ? "" : [
    h("span", null, h("kbd", null, "/"), " commands and shortcuts"),
    h("span", null, h("kbd", null, "↑"), " previous"),
    h("span", null, h("kbd", null, "Shift Enter"), " new line"),
  ];
  const frame = h(
    "div",
    { class: "composer-frame" },
    input,
    h("div", { class: "composer-bar" }, plusButton({ prefix, place }), h("span", { class: "keys" }, keys), button),
  );
  const menu = makeMenu(input, { replace: (text) => set(text), run: runShortcut }, `${prefix}command-menu`);
  const notice = h("p", { class: "composer-closed", testid: `${prefix}closed` });
  const node = h("div", { class: "composer" }, menu.node, frame, hint, notice);
  const drafts = new Map();
  const past = new Map();
  let here = "";
  let recalled = -1;

  const where = () => [store.me, place().channel, place().thread ?? ""].join(" ");
  const history = () => past.get(here) ?? [];

  function set(text, caret = text.length) {
    input.value = text;
    input.setSelectionRange(caret, caret);
    edited();
  }

  function edited() {
    input.style.setProperty("height", "auto");
    input.style.setProperty("height", `${Math.min(input.scrollHeight, 220)}px`);
    button.classList.toggle("ready", input.value.trim() !== "");
    menu.update(recalled >= 0);
  }

  function runShortcut(shortcut) {
    const { channel, thread } = place();
    set("");
    start(shortcut, channel, thread);
  }

  function recall(step) {
    const lines = history();
    const next = recalled + step;
    if (next < -1 || next >= lines.length) return;
    recalled = next;
    set(next < 0 ? "" : lines[next]);
  }

  async function send() {
    const text = input.value.trim();
    if (!text || input.disabled) return;
    past.set(here, [text, ...history().filter((t) => t !== text)].slice(0, KEEP));
    recalled = -1;
    set("");
    menu.close();
    const waiting = setTimeout(
      () => hint.replaceChildren(h("span", { class: "dots" }), waitingFor(text)),
      WAIT_MS,
    );
    await deliver(text, place());
    clearTimeout(waiting);
    hint.replaceChildren();
  }

  function onkeydown(event) {
    if (event.isComposing || menu.key(event)) return;
    const plainKey = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send();
    } else if (plainKey && event.key === "ArrowUp" && (recalled >= 0 || input.value === "")) {
      event.preventDefault();
      recall(1);
    } else if (plainKey && event.key === "ArrowDown" && recalled >= 0) {
      event.preventDefault();
      recall(-1);
    }
  }

  input.addEventListener("keydown", onkeydown);
  input.addEventListener("input", () => {
    recalled = -1;
    edited();
  });
  input.addEventListener("blur", () => menu.close());
  frame.addEventListener("click", (event) => event.target === frame && input.focus());
  button.addEventListener("click", () => {
    send();
    input.focus();
  });

  /** Follow the place: its own draft, its own placeholder; where it is `closed`, why it is. */
  function refresh(placeholder, closed) {
    frame.hidden = Boolean(closed);
    notice.hidden = !closed;
    setText(notice, closed);
    Object.assign(input, { placeholder, disabled: Boolean(closed) });
    input.setAttribute("aria-label", placeholder);
    if (where() === here) return;
    drafts.set(here, input.value);
    here = where();
    recalled = -1;
    set(drafts.get(here) ?? "");
    menu.close();
  }

  /** Put a text in and the caret where the person goes on. */
  function insert(text, caret) {
    input.focus();
    recalled = -1;
    set(text, caret);
    menu.close();
  }

  return { node, input, refresh, insert, focus: () => input.focus() };
}

function waitingFor(text) {
  return text.startsWith("/") ? `Waiting for ${text.split(/\s/)[0]} to answer…` : "Sending…";
}

/** Send a text as what it is; where that fails, Slackbot says so to this person alone. */
async function deliver(text, { channel, thread }) {
  const common = { user: store.me, channel, ...(thread ? { thread_ts: thread } : {}) };
  if (!text.startsWith("/")) {
    const answer = await post("message", { ...common, text });
    if (!answer.ok) note(explain("Sending your message", answer.error), channel, thread);
    return;
  }
  const [, command = "", rest = ""] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  if (!store.data.commands.some((c) => c.command === command)) {
    note(`\`${command}\` is not a command here. Start with \`/\` to see which there are.`, channel, thread);
    return;
  }
  const answer = await post("command", { ...common, command, text: rest });
  if (!answer.ok) note(explain(`\`${command}\``, answer.error), channel, thread);
}
