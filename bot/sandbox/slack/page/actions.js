// What happens when a control of the bot is used: ask its confirm, send the click, show that
// it is on its way, and say so where the app gave no answer.

import { confirmed } from "./dialog.js";
import { announce, h, icon } from "./dom.js";
import { explain, note, post, store } from "./state.js";

const SLOW_MS = 250;

/** An `env` for blocks.js: `verb` and `place()` say where a click comes from. */
export function actionEnv(verb, place) {
  return { place, act: (block, e, chosen, node) => act(verb, place, block, e, chosen, node) };
}

async function act(verb, place, block, e, chosen, node) {
  const user = store.me;
  if (e.confirm && !e.url && !(await confirmed(e.confirm))) return;
  const value = e.type === "button" ? e.value : chosen;
  const block_id = node.closest("[data-block]")?.dataset.block ?? block.block_id;
  const body = { user, ...place(), block_id, action_id: e.action_id, value };
  const slow = setTimeout(() => node.classList.add("busy"), SLOW_MS);
  node.setAttribute("aria-disabled", "true");
  const answer = await post(verb, body);
  clearTimeout(slow);
  node.classList.remove("busy");
  node.removeAttribute("aria-disabled");
  complain(node, answer.ok ? "" : explain("That", answer.error));
}

/** Where the block is gone, Slackbot says it; above a modal or in App Home nobody would see it. */
function gone(text) {
  const seen = store.place.channel !== "home" && !store.data.modal;
  if (seen) note("The message had changed before your click arrived. It now says how things stand.");
  else announce(text);
}

/** A line below the control's block until it works again. */
function complain(node, text) {
  if (text && !node.isConnected) return gone(text);
  const block = node.closest(".b");
  block?.querySelector(":scope > .b-error")?.remove();
  if (text) block?.append(h("p", { class: "b-error", role: "alert" }, icon("warn"), text));
}
