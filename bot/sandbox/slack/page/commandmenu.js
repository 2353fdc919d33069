// The menus of the composer: "+" with the app's global shortcuts, and the list above it: commands
// and shortcuts, then verbs, then live ids and routes.
// Enter takes an item only when it was picked with the arrows (or names the command itself),
// so a complete line is always sent as it stands. Tab takes the first.

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

let menus = 0;

/** A menu for `input`; `replace(text)` puts a completed text in, `run` starts a shortcut. */
export function makeMenu(input, { replace, run }, testid) {
  const id = `menu-${(menus += 1)}`;
  const node = h("ul", { class: "menu", id, role: "listbox", "aria-label": "Commands", hidden: true, testid });
  let items = [];
  let active = -1;

  const attributes = {
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": id,
    "aria-expanded": "false",
  };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);

  function draw() {
    node.replaceChildren(...items.map(row));
    node.hidden = items.length === 0;
    input.setAttribute("aria-expanded", String(!node.hidden));
    if (active >= 0) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    node.children[active]?.scrollIntoView({ block: "nearest" });
  }

  function row(item, i) {
    const onmousedown = (event) => {
      event.preventDefault();
      take(i);
    };
    const props = {
      class: "menu-row",
      role: "option",
      id: `${id}-${i}`,
      "aria-selected": String(i === active),
      onmousedown,
    };
    return h(
      "li",
      props,
      icon(item.icon),
      h("b", null, item.label),
      h("code", null, item.hint),
      h("span", null, item.about),
    );
  }

  function take(i) {
    const { text, shortcut } = items[i];
    if (shortcut) run(shortcut);
    else replace(text);
  }

  function close() {
    items = [];
    active = -1;
    draw();
  }

  function update(quiet) {
    items = quiet ? [] : suggest(input.value);
    active = items[0]?.first ? 0 : -1;
    draw();
  }

  /** Whether the key was for the menu. */
  function key(event) {
    if (node.hidden) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const count = items.length;
    if (step) active = active < 0 && step < 0 ? count - 1 : (active + step + count) % count;
    else if (event.key === "Escape") items = [];
    else if (event.key === "Tab" && !event.shiftKey) take(Math.max(active, 0));
    else if (event.key === "Enter" && !event.shiftKey && active >= 0) take(active);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    draw();
    return true;
  }

  return { node, update, key, close };
}

/** What could come next after `text`. */
function suggest(text) {
  if (!text.startsWith("/") || text.includes("\n") || !store.data) return [];
  const words = text.split(/ +/);
  const command = store.data.commands.find((c) => c.command === words[0]);
  if (words.length === 1) return commands(text);
  if (!command) return [];
  if (words.length === 2) return verbs(command, words[1]);
  return needsConnection(command, words[1]) ? targets(words, text) : [];
}

function commands(typed) {
  const found = store.data.commands.filter((c) => c.command.startsWith(typed) && c.command !== typed);
  const named = (s) => s.name.toLowerCase().includes(typed.slice(1).toLowerCase());
  return [
    ...found.map((c) => ({
      icon: "chevron", label: c.command, hint: c.usage_hint, about: c.description,
      text: `${c.command} `, first: true,
    })),
    ...shortcuts().filter(named).map((s) => ({
      icon: "bolt", label: s.name, hint: "", about: s.description, shortcut: s, first: typed.length > 1,
    })),
  ];
}

/** "delete <id> <cidr> | list <id> | help" → its alternatives. */
function alternatives(command) {
  const parts = (command.usage_hint ?? "").split("|").map((part) => part.trim());
  const rows = parts.filter((part) => /^[a-z]/.test(part));
  return rows.map((part) => ({ verb: part.split(/\s/)[0], rest: part.split(/\s+/).slice(1).join(" ") }));
}

function verbs(command, typed) {
  const found = alternatives(command).filter(({ verb }) => verb.startsWith(typed) && verb !== typed);
  return found.map(({ verb, rest }) => ({
    icon: "chevron", label: verb, hint: rest, about: "",
    text: `${command.command} ${verb} `,
  }));
}

/** Verbs whose usage names a connection; without a usage, the two that always do. */
function needsConnection(command, verb) {
  const usage = alternatives(command).find((a) => a.verb === verb)?.rest;
  return /conn|vco|<id>/i.test(usage ?? "") || ["delete", "list"].includes(verb);
}

function targets(words, text) {
  const typed = words.at(-1);
  const before = text.slice(0, text.length - typed.length);
  const connections = store.data.cloud?.connections ?? [];
  if (words.length === 3) {
    const found = connections.filter(
      (c) => c.id !== typed && (c.id.startsWith(typed) || c.name.startsWith(typed)),
    );
    return found.map((c) => ({
      icon: "cloud", label: c.name, hint: c.id, about: c.region,
      text: `${before}${c.id} `,
    }));
  }
  if (words[1] !== "delete" || words.length !== 4) return [];
  const routes = connections.find((c) => c.id === words[2])?.routes ?? [];
  const found = routes.filter((r) => r.dest.startsWith(typed) && r.dest !== typed);
  return found.map((r) => ({
    icon: "route", label: r.dest, hint: `weight ${r.weight}`, about: r.kind,
    text: `${before}${r.dest} `,
  }));
}
