// The card in a channel where nothing has happened yet: commands to try, with live ids.

import { h, icon } from "./dom.js";
import { person, store } from "./state.js";

const REASON = '--reason "leaking prod prefix, INC-4211"';

/** `values` decide whether the card stands (and from what), `build` draws it. */
export const tryCard = { values, build };

/** The composer tells us how to insert a text, so that the two don't import each other. */
export const inserter = { insert: () => {} };

function values(here, messages) {
  if (here.dm || here.archived || messages.some((m) => m.bot && !m.ephemeral)) return [];
  const route = target();
  const command = store.data.commands[0]?.command;
  return route && command ? [{ command, ...route, approver: approver() }] : [];
}

/** The first deletable route of an attached connection whose block alone names it. */
function target() {
  for (const c of store.data.cloud?.connections ?? []) {
    const route = c.state === "attached" && c.routes.find((r) => r.kind === "custom" && alone(r, c));
    if (route) return { connection: c.id, dest: route.dest };
  }
  return null;
}

/** Of two routes to one block the command would have to say which. */
function alone(route, connection) {
  return connection.routes.filter((r) => r.dest === route.dest).length === 1;
}

/** Somebody of an on-call group who is not the current person, and their key. */
function approver() {
  const members = Object.values(store.data.usergroups ?? {}).flatMap((g) => g.users);
  const id = members.find((u) => u !== store.me && person(u));
  const digit = store.data.people.findIndex((p) => p.id === id) + 1;
  return id ? { name: person(id).real_name || person(id).name, digit } : null;
}

function build({ command, connection, dest, approver: other }) {
  const examples = [
    ["Delete a route", `${command} delete ${connection} ${dest} ${REASON}`],
    ["See what is there", `${command} list ${connection}`],
    ["Everything it can do", `${command} help`],
  ];
  const then = other && [
    " Then become ",
    h("b", null, other.name),
    " (",
    h("kbd", null, `Alt+${other.digit}`),
    ") and approve it.",
  ];
  return h(
    "section",
    { class: "try", testid: "try-it", "aria-label": "Try it" },
    h("h2", null, icon("bolt"), "Try it"),
    h("p", null, "Pick a line, press ", h("kbd", null, "Enter"), ", and watch the cloud on the right.", then),
    examples.map(([what, line]) => example(what, line)),
  );
}

function example(what, line) {
  return h(
    "button",
    { class: "example", type: "button", onclick: () => inserter.insert(line) },
    h("span", null, what),
    h("code", null, line),
  );
}
