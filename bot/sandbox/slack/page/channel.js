// The centre of the page: the head of a channel, its messages and the composer below them.

import { makeComposer } from "./composer.js";
import { announce, h, icon, slots } from "./dom.js";
import { homeView } from "./home.js";
import { drawMessages } from "./messages.js";
import { panels } from "./panels.js";
import { markRead, readUpTo, unread } from "./reading.js";
import { keepAtBottom, makeScroller } from "./scroll.js";
import { channel, isReply, messagesOf, store } from "./state.js";
import { tryCard } from "./tryit.js";

const head = h("header", { class: "head" });
const list = h("ol", { class: "messages", testid: "messages", "aria-label": "Messages" });
const extra = h("div", { class: "extra" });
const scroller = makeScroller(h("div", null, extra, list));
const home = homeView();

export const composer = makeComposer({ prefix: "", place: () => ({ channel: store.place.channel }) });

const talk = h("div", { class: "talk" }, scroller.node, composer.node);
let shown = "";
let newFrom = "";
let lastSeen = "";

/** Put the centre's parts into the page, once. */
export function mountChannel(root) {
  root.append(head, talk, home.node);
}

/** Draw what the current place shows. */
export function drawChannel() {
  const id = store.place.channel;
  const isHome = id === "home";
  talk.hidden = isHome;
  home.node.hidden = !isHome;
  drawHead(isHome);
  home.draw(isHome);
  if (!isHome) drawTalk(channel(id));
}

function drawTalk(here) {
  const arrived = `${store.me} ${here.id}`;
  const moved = shown !== arrived;
  if (moved) [newFrom, lastSeen] = [unread(store.me, here.id).length ? readUpTo(store.me, here.id) : "", ""];
  shown = arrived;
  const messages = messagesOf(here.id).filter((m) => !isReply(m));
  keepAtBottom(scroller, moved || concerns(messages.at(-1)), () => {
    drawMessages(list, messages, { channel: here.id, newFrom });
    slots(
      extra,
      [here, ...tryCard.values(here, messages)],
      (value, i) => (i ? tryCard.build(value) : beginning(value)),
    );
  });
  tell(messages.at(-1), moved);
  if (document.visibilityState === "visible") markRead(here.id);
  composer.refresh(
    here.archived ? "This channel is archived" : `Message ${here.dm ? "" : "#"}${here.name}`,
    here.archived,
  );
}

/** A new message that its reader waits for: their own, or an answer to them alone. */
function concerns(last) {
  return Boolean(last) && last.ts !== lastSeen && (last.user === store.me || last.ephemeral);
}

/** What stands above the first message. */
function beginning(here) {
  const sign = here.dm ? null : h("span", { class: "beginning-sign" }, icon(here.private ? "lock" : "hash"));
  const kind = here.private ? "private channel" : "channel";
  const who = here.dm
    ? `Only you and ${here.name} see this.`
    : `This is the very beginning of the ${kind} #${here.name}.`;
  return h(
    "div",
    { class: "beginning" },
    sign,
    h("div", null, h("h2", null, here.dm ? here.name : `#${here.name}`), h("p", null, who)),
  );
}

/** A new message of somebody else is read out, and counted when it is below the fold. */
function tell(last, moved) {
  if (!last || last.ts === lastSeen) return;
  const fresh = lastSeen !== "" && !moved && last.user !== store.me;
  lastSeen = last.ts;
  if (!fresh) return;
  const name = store.data.people.find((p) => p.id === last.user)?.name ?? store.data.app.name;
  announce(`${name}: ${list.lastElementChild.querySelector(".msg-body")?.textContent ?? ""}`);
}

function drawHead(isHome) {
  const here = isHome ? { name: store.data.app.name, home: true } : channel(store.place.channel);
  slots(head, ["menu", here, panels.cloud], (value, i) => {
    if (i === 0) return tool("menu", "Show the workspace", "only-narrow", () => panels.toggle("sidebar"));
    if (i === 1) return title(value);
    return cloudToggle();
  });
}

function title(here) {
  const sign = here.home || here.dm ? null : icon(here.private ? "lock" : "hash", "dim");
  const tags = [
    here.shared && tag("shared", "Shared with another organisation"),
    here.archived && tag("archived", "Nothing can be posted here"),
    !here.home && !here.dm && !here.bot_member && tag(
      `${store.data.app.name} is not here`,
      "The app was not invited to this channel",
    ),
  ];
  const about = here.home && "App Home";
  return h(
    "div",
    { class: "head-title" },
    h("h1", null, sign, here.name),
    about && h("span", { class: "about" }, about),
    tags,
  );
}

const tag = (text, why) => h("span", { class: "tag", title: why }, text);

function tool(name, label, className, onclick) {
  return h(
    "button",
    { class: `icon-btn ${className}`, type: "button", "aria-label": label, title: label, onclick },
    icon(name),
  );
}

function cloudToggle() {
  const props = {
    class: "cloud-toggle",
    type: "button",
    testid: "cloud-toggle",
    "aria-expanded": String(panels.cloud),
    "aria-controls": "cloud",
  };
  return h(
    "button",
    { ...props, onclick: () => panels.toggle("cloud") },
    icon("cloud"),
    h("span", null, "Cloud"),
  );
}
