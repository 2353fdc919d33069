// Puts the page together: mounts the parts, draws them after every change, owns the keys that
// work everywhere. Nothing else imports this.

import { closeThread, composer, drawChannel, drawThread, mountChannel, mountThread } from "./channel.js";
import { drawCloud, mountCloud } from "./cloud.js";
import { part } from "./dom.js";
import { drawPeople, mountPeople, openPalette } from "./people.js";
import {
  become,
  changed,
  channel,
  connect,
  drawFrame,
  go,
  panels,
  startReading,
  store,
  subscribe,
} from "./state.js";
import { inserter } from "./tryit.js";
import { drawModal } from "./views.js";

mountPeople(part("sidebar"));
mountChannel(part("centre"));
mountThread(part("thread"));
mountCloud(part("cloud"));

inserter.insert = (text, caret) => {
  if (!channel(store.place.channel)) settle();
  composer.insert(text, caret);
};

/** A place that is not there (or none): the first channel that the app is in. */
function settle() {
  const { channels } = store.data;
  const first = channels.find((c) => c.bot_member && !c.dm) ?? channels[0];
  if (first) go(first.id);
}

subscribe(drawFrame);
// What has been seen is counted after it has been drawn.
for (const draw of [drawThread, drawChannel, drawPeople, drawCloud, drawModal]) {
  subscribe(() => store.data && placed() && draw());
}

const placed = () => store.place.channel === "home" || Boolean(channel(store.place.channel));

let welcomed = false;

subscribe(() => {
  if (!store.data) return;
  startReading();
  document.title = `${channel(store.place.channel)?.name ?? store.data.app.name} · Acme Networks`;
  if (!placed()) settle();
  if (!welcomed) {
    welcomed = true;
    composer.focus();
  }
});

addEventListener("keydown", (event) => {
  if (!store.data) return;
  const digit = event.altKey && !event.ctrlKey && !event.metaKey && /^Digit([1-9])$/.exec(event.code);
  const someone = digit && store.data.people[Number(digit[1]) - 1];
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") openPalette();
  else if (document.querySelector("dialog[open]")) return;
  else if (someone) become(someone.id);
  else if (event.key === "Escape" && !event.defaultPrevented) escape();
  else if (startsText(event)) return composer.focus();
  else return;
  event.preventDefault();
});

function escape() {
  if (store.place.thread) closeThread();
  else if (panels.sidebar) panels.toggle("sidebar");
  composer.focus();
}

/** A letter typed where no control has the focus goes to the composer. */
function startsText(event) {
  const { activeElement } = document;
  const free = activeElement === document.body || activeElement?.matches(".msg, .scroll");
  const bare = !event.ctrlKey && !event.metaKey && !event.altKey;
  return free && bare && event.key.length === 1 && event.key !== " ";
}

addEventListener("visibilitychange", () => store.data && changed());

connect();
