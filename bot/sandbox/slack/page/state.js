// What the page knows: the server's state for one person, where we are, what has been read, which
// panels are open. One stream of server-sent events brings the whole state; verbs are posted;
// views subscribe.

import { part } from "./dom.js";

/** The place an address's hash names; empty parts where it names none. */
function parseHash(hash) {
  const [, channel = "", thread = ""] = hash.split("/");
  return { channel: decodeURIComponent(channel), thread: /^\d+\.\d+$/.test(thread) ? thread : "" };
}

/** Write the place into the address without adding an entry to the history. */
function writeHash({ channel, thread }) {
  const hash = `#/${encodeURIComponent(channel)}${thread ? `/${thread}` : ""}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}

/** The place that a permalink of this workspace leads to, null for any other address. */
export function parsePermalink(url) {
  const match = /^\/archives\/([A-Z0-9]+)\/p(\d+)(\d{6})$/.exec(url.pathname);
  if (!match) return null;
  const [, channel, seconds, micros] = match;
  return { channel, thread: url.searchParams.get("thread_ts") ?? `${seconds}.${micros}` };
}

const LONGEST_PRESS_MS = 1000;
const RETRY_MS = 1000;
const GRACE_MS = 1200;

/**
 * @typedef {{ id: string, name: string, real_name: string, title: string, color: string, guest: boolean }} Person
 * @typedef {{ id: string, name: string, private: boolean, shared: boolean, archived: boolean, closed: string,
 *   bot_member: boolean, dm: boolean }} Channel
 * @typedef {{ ts: string, user: string, bot: boolean, text: string, blocks: any[], ephemeral: boolean,
 *   thread_ts: string | null, broadcast?: boolean, edited?: boolean, reply_count?: number, last_reply_ts?: string | null,
 *   deleted?: boolean }} Message
 * @typedef {{ view_id: string, hash: string, view: any, state: any }} View
 * @typedef {{ name: string, title: string, do: string, expect: string, line: string, done: boolean }} Step
 * @typedef {{ callback_id: string, name: string, description: string }} Shortcut
 * @typedef {{ command: string, usage_hint: string, description: string }} Command
 * @typedef {{ dest: string, next_hop: string, weight: number, kind: string, state: string }} Route
 * @typedef {{ id: string, up: boolean, bgp_up: boolean }} Tunnel
 * @typedef {{ id: string, region: string, name: string, state: string, attach_type: string, note: string,
 *   tunnels: Tunnel[], routes: Route[], task: string | null }} Connection
 * @typedef {{ at: number, action: string, summary: string, code: string }} Call
 * @typedef {{ name: string, label: string, about: string, active: boolean }} Fault
 * @typedef {{
 *   me: Person, people: Person[], channels: Channel[], messages: Record<string, Message[]>,
 *   app: { user: string, name: string, alive: boolean, trouble: string },
 *   modal: (View & { errors: Record<string, string>, busy: boolean }) | null,
 *   home: View | null, usergroups: Record<string, { handle: string, users: string[] }>,
 *   commands: Command[], shortcuts: Shortcut[], checklist: Step[], now: number,
 *   cloud: { connections: Connection[], calls: Call[], faults: Fault[] } | null,
 * }} ClientState What `client_state` in client.py sends; views are drawn only when it is there.
 */

export const store = {
  data: /** @type {ClientState} */ (/** @type {unknown} */ (null)),
  place: parseHash(location.hash),
  me: new URLSearchParams(location.search).get("as") ?? "",
  connected: false,
  stopped: false,
  notes: /** @type {(Message & { channel: string, for: string })[]} */ ([]),
  closedView: "",
};

const views = new Set();
/** @type {EventSource | null} */
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

/** @type {{ late: boolean, timer: number } | null} */
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

/** Whether a message is seen in the channel: a reply only where it was sent there as well. */
export const inChannel = (m) => Boolean(m.broadcast) || !isReply(m);

const read = new Map();
let baseline = "";

const slot = (user, channel, thread) => `${user} ${channel} ${thread}`;

/** The ts up to which a person has read a channel, or a thread in it. */
export function readUpTo(user, channel, thread = "") {
  return read.get(slot(user, channel, thread)) ?? baseline;
}

/** What the current person sees of a channel has been seen: not its threads. */
export function markRead(channel) {
  const last = (store.data.messages[channel] ?? []).findLast(inChannel);
  if (last) read.set(slot(store.me, channel, ""), last.ts);
}

/** The thread below a message has been seen by the current person. */
export function markThreadRead(channel, thread) {
  const last = (store.data.messages[channel] ?? []).findLast((m) => isReply(m) && m.thread_ts === thread);
  if (last) read.set(slot(store.me, channel, thread), last.ts);
}

/** On the first state of a page: what is there is not new. */
export function startReading() {
  if (baseline) return;
  baseline = String(store.data.now);
}

/** Messages of others that a person has not read in a channel, replies in threads too. */
export function unread(user, channel) {
  const all = store.data.messages[channel] ?? [];
  const inThread = (m) => (isReply(m) ? Number(readUpTo(user, channel, m.thread_ts)) : 0);
  const here = (m) => (inChannel(m) ? Number(readUpTo(user, channel)) : 0);
  const since = (m) => Math.max(inThread(m), here(m));
  return all.filter((m) => m.user !== user && !m.deleted && Number(m.ts) > since(m));
}

/** Whether a message pings a person: by name, by group, or everyone here. */
export function mentions(message, user) {
  const text = JSON.stringify([message.text, message.blocks]);
  if (text.includes(`<@${user}`) || /<!(here|channel|everyone)/.test(text)) return true;
  const groups = Object.entries(store.data.usergroups ?? {});
  return groups.some(([id, group]) => group.users.includes(user) && text.includes(`<!subteam^${id}`));
}

/** How many unread messages ping a person, in the channels that the current person sees. */
export function pings(user) {
  const seen = store.data.channels.filter((c) => !c.dm || user === store.me);
  const all = seen.flatMap((c) => unread(user, c.id));
  return all.filter((m) => !m.ephemeral && mentions(m, user)).length;
}

const KEY = "cloud-panel";
const ROOMY = matchMedia("(min-width: 1024px)");

export const panels = {
  cloud: ROOMY.matches && localStorage.getItem(KEY) !== "closed",
  sidebar: false,
  toggle,
};

function toggle(name) {
  panels[name] = !panels[name];
  if (name === "cloud" && ROOMY.matches) localStorage.setItem(KEY, panels.cloud ? "open" : "closed");
  changed();
}

/** The frame's classes follow the panels, the place and the connection. */
export function drawFrame() {
  const app = part("app");
  app.classList.toggle("with-cloud", panels.cloud);
  app.classList.toggle("with-sidebar", panels.sidebar);
  app.classList.toggle("with-thread", Boolean(store.place.thread));
  const banner = part("banner");
  banner.hidden = !store.stopped;
  const text = "The sandbox has stopped. Start it again and this page goes on by itself.";
  if (store.stopped && banner.textContent !== text) banner.textContent = text;
}
