// The sidebar: the workspace, its channels, the app, and whom this window plays.

import { avatar } from "./avatar.js";
import { h, icon, keyed, setText, slots } from "./dom.js";
import { panels } from "./panels.js";
import { openPalette } from "./palette.js";
import { mentions, pings, unread } from "./reading.js";
import { become, go, isReply, store } from "./state.js";

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
      h("b", null, WORKSPACE),
      h("span", { class: "sandbox-tag" }, "sandbox"),
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
  const fresh = here ? [] : unread(store.me, c.id).filter((m) => !isReply(m) || m.ephemeral);
  const count = c.dm ? fresh.length : fresh.filter((m) => mentions(m, store.me)).length;
  button.classList.toggle("here", here);
  button.classList.toggle("unread", fresh.length > 0);
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
