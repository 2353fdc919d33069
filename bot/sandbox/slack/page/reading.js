// What each person has read in this window: unread channels, the "New" line, who is awaited.
// A person who was not played yet has read everything that was there when the page was opened.

import { isReply, store } from "./state.js";

const read = new Map();
let baseline = "";

const slot = (user, channel) => `${user} ${channel}`;

/** The ts up to which a person has read a channel. */
export function readUpTo(user, channel) {
  return read.get(slot(user, channel)) ?? baseline;
}

/** Everything in the channel has been seen by the current person. */
export function markRead(channel) {
  const last = store.data.messages[channel]?.at(-1);
  if (last) read.set(slot(store.me, channel), last.ts);
}

/** On the first state of a page: what is there is not new. */
export function startReading() {
  if (baseline) return;
  baseline = String(store.data.now);
}

/** Messages of others that a person has not read in a channel. */
export function unread(user, channel) {
  const since = Number(readUpTo(user, channel));
  const all = store.data.messages[channel] ?? [];
  return all.filter((m) => Number(m.ts) > since && m.user !== user && !m.deleted);
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
  return all.filter((m) => !m.ephemeral && !isReply(m) && mentions(m, user)).length;
}
