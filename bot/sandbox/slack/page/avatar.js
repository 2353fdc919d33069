// Faces: coloured initials for people, a drawn sign for the app and for Slackbot.

import { h, icon } from "./dom.js";
import { person, store } from "./state.js";

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
