// The sidebar: the workspace, its channels, the app, and whom this window plays; faces; and
// Ctrl/Cmd+K: type a few letters, become a person, go to a channel, start a shortcut.

import { shortcuts, start } from "./commandmenu.js";
import { closeDialog, openDialog } from "./dialog.js";
import { h, icon, keyed, setText, slots } from "./dom.js";
import { become, go, isReply, mentions, panels, person, pings, store, unread } from "./state.js";

/** Who wrote something: name, whether it is an app, and the face to show. */
export function author(id) {
  const app = store.data.app;
  if (id === app.user) return { name: app.name, app: true };
  if (id === "USLACKBOT") return { name: "Slackbot", app: true };
  const known = person(id);
  return { name: known?.real_name || known?.name || id, app: false, guest: known?.guest };
}

/** The face of a person or an app, decoration only: the name always stands beside it. */
export function avatar(id, size = "") {
  const props = { class: `avatar ${size}`, "aria-hidden": "true" };
  if (id === store.data.app.user) return h("span", { ...props, class: `${props.class} of-app` }, icon("route"));
  if (id === "USLACKBOT") return h("span", { ...props, class: `${props.class} of-slackbot` }, icon("bolt"));
  const known = person(id);
  const name = known?.real_name || known?.name || id;
  return h("span", { ...props, style: { "--face": known?.color ?? "#7a8794" } }, initials(name));
}

function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words.at(-1)[0] : name.slice(0, 2)).toUpperCase();
}

let open = null;

/** Open the palette, or close it when it is open. */
export function openPalette() {
  if (open) return close();
  const input = h("input", {
    class: "palette-input", type: "text", placeholder: "A person, a channel, a shortcut…", testid: "palette",
    role: "combobox", "aria-label": "Jump to", "aria-expanded": "true", "aria-controls": "palette-list",
    autocomplete: "off",
  });
  const list = h("ul", { class: "palette-list", id: "palette-list", role: "listbox" });
  let rows = [];
  let active = 0;

  const draw = () => {
    const typed = input.value.trim().toLowerCase();
    rows = everything().filter((row) => row.search.toLowerCase().includes(typed));
    active = Math.min(active, Math.max(rows.length - 1, 0));
    list.replaceChildren(...rows.map((row, i) => line(row, i === active)));
    input.setAttribute("aria-activedescendant", rows.length ? "palette-active" : "");
  };
  const onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step && event.key !== "Enter") return;
    event.preventDefault();
    if (step && rows.length) active = (active + step + rows.length) % rows.length;
    else if (rows[active]) return pick(rows[active]);
    draw();
  };
  input.addEventListener("keydown", onkeydown);
  input.addEventListener("input", draw);
  open = openDialog({ label: "Jump to", className: "palette", onclose: close }, input, list);
  draw();
  input.focus();
}

function close() {
  closeDialog(open);
  open = null;
}

function pick(row) {
  close();
  row.run();
}

function everything() {
  const { people, channels, app } = store.data;
  const others = people.filter((p) => p.id !== store.me);
  return [
    ...others.map((p) => ({
      search: `${p.real_name} ${p.name}`,
      name: p.real_name || p.name,
      about: p.title,
      sign: () => avatar(p.id, "small"),
      run: () => become(p.id),
    })),
    ...channels.map((c) => ({
      search: c.name,
      name: c.name,
      about: "channel",
      sign: () => icon(c.private ? "lock" : "hash"),
      run: () => go(c.id),
    })),
    {
      search: `${app.name} home`,
      name: app.name,
      about: "App Home",
      sign: () => avatar(app.user, "small"),
      run: () => go("home"),
    },
    ...shortcuts().map((s) => ({
      search: s.name,
      name: s.name,
      about: `shortcut of ${app.name}`,
      sign: () => icon("bolt"),
      run: () => start(s, store.place.channel, store.place.thread),
    })),
  ];
}

function line(row, selected) {
  const props = {
    class: "palette-row",
    role: "option",
    id: selected ? "palette-active" : null,
    "aria-selected": String(selected),
    onclick: () => pick(row),
  };
  return h("li", props, row.sign(), h("b", null, row.name), h("span", null, row.about));
}

const WORKSPACE = "Acme Networks";

const lists = { channels: h("ul"), dms: h("ul"), apps: h("ul"), people: h("ul", { class: "cast" }) };

/** Put the sidebar's parts into the page, once. */
export function mountPeople(root) {
  const jump = h(
    "button",
    { class: "jump", type: "button", onclick: openPalette },
    "Jump to…", h("kbd", null, navigator.platform.startsWith("Mac") ? "⌘K" : "Ctrl K"),
  );
  root.append(
    h(
      "header",
      { class: "workspace" },
      h("span", { class: "logo" }, "A"),
      h("span", null, h("b", null, WORKSPACE), h("span", { class: "sandbox-tag", testid: "sandbox-tag" }, "sandbox")),
    ),
    jump,
    h(
      "div",
      { class: "places" },
      group("Channels", lists.channels),
      group("Direct messages", lists.dms),
      group("Apps", lists.apps),
    ),
    h("section", { class: "cast-box", "aria-label": "Play as" }, h("h2", null, "You are"), lists.people),
  );
}

function group(title, list) {
  return h("section", { class: "group" }, h("h2", null, title), list);
}

export function drawPeople() {
  const { channels, people, app } = store.data;
  const dms = channels.filter((c) => c.dm);
  drawPlaces(lists.channels, channels.filter((c) => !c.dm));
  drawPlaces(lists.dms, dms);
  lists.dms.parentElement.hidden = dms.length === 0;
  drawApp(app);
  keyed(
    lists.people,
    people.map((p, i) => ({ ...p, digit: i + 1 })),
    { key: (p) => p.id, create: castRow, update: updateCast },
  );
}

function drawPlaces(list, channels) {
  keyed(list, channels, {
    key: (c) => c.id,
    create: (c) => h(
      "li",
      null,
      h("button", { class: "place", type: "button", testid: `channel-${c.id}`, onclick: () => visit(c.id) }),
    ),
    update: (node, c) => updatePlace(node.firstChild, c),
  });
}

function updatePlace(button, c) {
  const here = store.place.channel === c.id;
  const waiting = unread(store.me, c.id).filter((m) => !here || isReply(m));
  const pinged = waiting.filter((m) => mentions(m, store.me));
  const fresh = waiting.filter((m) => !isReply(m) || pinged.includes(m));
  const count = c.dm ? fresh.length : pinged.length;
  button.classList.toggle("here", here);
  button.classList.toggle("unread", fresh.length > 0 && !here);
  button.classList.toggle("archived", c.archived);
  if (here) button.setAttribute("aria-current", "page");
  else button.removeAttribute("aria-current");
  slots(button, [c, count], (value) => (typeof value === "number" ? pingCount(value) : placeName(value)));
}

function placeName(c) {
  const sign = c.dm ? avatar(partner(c.name), "tiny") : icon(c.private ? "lock" : "hash");
  return h("span", { class: "place-name" }, sign, h("span", null, c.name), c.shared && icon("globe", "dim"));
}

/** Whom a direct message is with; the server gives its name. */
function partner(name) {
  const { app, people } = store.data;
  return name === app.name ? app.user : people.find((p) => p.name === name)?.id ?? name;
}

function pingCount(count) {
  return h("span", { class: "count", hidden: count === 0, "aria-label": `${count} for you` }, String(count));
}

function drawApp(app) {
  keyed(lists.apps, [app], {
    key: (a) => a.user,
    create: () => h(
      "li",
      null,
      h("button", { class: "place", type: "button", testid: "home", onclick: () => visit("home") }),
    ),
    update: (node, a) => {
      node.firstChild.classList.toggle("here", store.place.channel === "home");
      slots(
        node.firstChild,
        [a],
        () => h(
          "span",
          { class: "place-name" },
          avatar(a.user, "tiny"),
          h("span", null, a.name),
          h("i", { class: a.alive ? "alive on" : "alive" }),
        ),
      );
    },
  });
}

function visit(place) {
  panels.sidebar = false;
  go(place);
}

function castRow(p) {
  const words = h(
    "span",
    { class: "cast-words" },
    h("b", null, p.real_name || p.name),
    h("small", null, p.title),
  );
  const waits = h("span", { class: "count" });
  const key = h("kbd", null, `Alt ${p.digit}`);
  const props = { class: "cast-person", type: "button", testid: `person-${p.id}`, onclick: () => become(p.id) };
  return h(
    "li",
    null,
    h("button", props, h("span", { class: "cast-face" }, avatar(p.id, "small"), waits), words, key),
  );
}

function updateCast(node, p) {
  const button = node.firstChild;
  const mine = p.id === store.me;
  button.setAttribute("aria-pressed", String(mine));
  button.title = mine ? `You are ${p.real_name || p.name}` : `Become ${p.real_name || p.name} (Alt+${p.digit})`;
  const waits = mine ? 0 : pings(p.id);
  const badge = button.querySelector(".count");
  badge.hidden = waits === 0;
  badge.title = "Mentioned and has not looked";
  setText(badge, String(waits));
}
