// What the page knows: the server's state for one person, where we are, what has been read.
// One stream of server-sent events brings the whole state; verbs are posted; views subscribe.

import { parseHash, writeHash } from "./place.js";

const LONGEST_PRESS_MS = 1000;
const RETRY_MS = 1000;
const GRACE_MS = 1200;

export const store = {
  data: null,
  place: parseHash(location.hash),
  me: new URLSearchParams(location.search).get("as") ?? "",
  connected: false,
  stopped: false,
  notes: [],
  closedView: "",
};

const views = new Set();
let source = null;
let retry = 0;
let grace = 0;

/** Call `view` after every change; a failing view never stops the others. */
export function subscribe(view) {
  views.add(view);
}

export function changed() {
  for (const view of views) {
    try {
      view();
    } catch (error) {
      console.error(error);
    }
  }
}

/** (Re)open the stream as the current person. */
export function connect() {
  clearTimeout(retry);
  source?.close();
  const query = store.me ? `?user=${encodeURIComponent(store.me)}` : "";
  const stream = (source = new EventSource(`/client/events${query}`));
  stream.addEventListener("state", (event) => stream === source && receive(JSON.parse(event.data)));
  stream.addEventListener("error", () => stream === source && lost(stream));
}

function receive(data) {
  clearTimeout(grace);
  grace = 0;
  Object.assign(store, { data, connected: true, stopped: false, me: data.me.id });
  if (store.closedView && store.closedView !== data.modal?.view_id) store.closedView = "";
  if (press) press.late = true;
  else changed();
}

let press = null;

/** Nothing is redrawn under a finger: what comes meanwhile is drawn after the click. */
addEventListener("pointerdown", () => {
  clearTimeout(press?.timer);
  press = { late: press?.late ?? false, timer: setTimeout(released, LONGEST_PRESS_MS) };
}, true);
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => setTimeout(released), true);

function released() {
  const late = press?.late;
  clearTimeout(press?.timer);
  press = null;
  if (late) changed();
}

function lost(stream) {
  store.connected = false;
  grace ||= setTimeout(() => {
    store.stopped = true;
    changed();
  }, GRACE_MS);
  if (stream.readyState !== EventSource.CLOSED) return;
  clearTimeout(retry);
  retry = setTimeout(connect, RETRY_MS);
}

/** Become another person in this window; the address says who, so a reload stays the same. */
export function become(id) {
  if (id === store.me) return;
  store.me = id;
  const url = new URL(location.href);
  url.searchParams.set("as", id);
  history.replaceState(null, "", url);
  connect();
}

/** Go to a channel (or "home"), with a thread beside it or none. */
export function go(channel, thread = "") {
  store.place = { channel, thread };
  writeHash(store.place);
  changed();
}

addEventListener("hashchange", () => {
  store.place = parseHash(location.hash);
  changed();
});

/** Post a verb; the answer is always `{ok, …}`, also when nobody is there. */
export async function post(verb, body) {
  try {
    const answer = await fetch(`/client/${verb}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, error: "sandbox_stopped" };
  }
}

/** A note from Slackbot that only this window sees. */
export function note(text, channel = store.place.channel, thread = "") {
  const ts = (Date.now() / 1000).toFixed(6);
  store.notes.push({
    ts, channel, text, for: store.me, user: "USLACKBOT", bot: true, blocks: [], ephemeral: true,
    thread_ts: thread || null,
  });
  changed();
}

/** What to tell a person: the server's sentence as it is, a bare code inside one of ours. */
export function explain(what, error) {
  if (error === "sandbox_stopped") return `${what} failed because the sandbox has stopped.`;
  return /\s/.test(error) ? error.replace(/[^.!?]$/, "$&.") : `${what} failed (${error}).`;
}

export const person = (id) => store.data?.people.find((p) => p.id === id);
export const channel = (id) => store.data?.channels.find((c) => c.id === id);

/** All messages of a channel that this person sees, with the local notes, oldest first. */
export function messagesOf(id) {
  const own = store.notes.filter((n) => n.channel === id && n.for === store.me);
  const all = store.data?.messages[id] ?? [];
  return own.length ? [...all, ...own].sort((a, b) => Number(a.ts) - Number(b.ts)) : all;
}

export const isReply = (m) => Boolean(m.thread_ts) && m.thread_ts !== m.ts;
