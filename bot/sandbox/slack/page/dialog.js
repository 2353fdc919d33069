// Modal dialogs on the browser's own <dialog>: it traps focus, makes the rest inert, and gives
// focus back when it closes. Also what happens when a control of the bot is used: ask its confirm,
// send the click, show that it is on its way, and say so where the app gave no answer.

import { announce, h, icon } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { explain, note, post, store } from "./state.js";

/**
 * Show a dialog; `onclose` is called once, however it is closed by the person.
 * @param {{ testid?: string, label: string, className?: string, onclose?: () => void }} how
 */
export function openDialog({ testid, label, className = "", onclose }, ...content) {
  const node = h("dialog", { class: `dialog ${className}`, testid, "aria-label": label }, content);
  const leave = (event) => {
    event.preventDefault();
    onclose?.();
  };
  node.addEventListener("cancel", leave);
  node.addEventListener("mousedown", (event) => event.target === node && outside(node, event) && leave(event));
  document.body.append(node);
  node.showModal();
  return node;
}

function outside(node, { clientX: x, clientY: y }) {
  const box = node.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}

export function closeDialog(node) {
  node.close();
  node.remove();
}

/** A round button that closes something. */
export function closeButton(label, onclick, testid) {
  return h(
    "button",
    { class: "icon-btn", type: "button", "aria-label": label, title: `${label} (Esc)`, onclick, testid },
    icon("close"),
  );
}

/** Ask the bot's confirm object; resolves to true only when the person said yes. */
function confirmed(confirm) {
  return new Promise((resolve) => {
    const answer = (yes) => {
      closeDialog(node);
      resolve(yes);
    };
    const no = () => answer(false);
    const title = confirm.title?.text ?? "Are you sure?";
    const deny = h(
      "button",
      { class: "btn", type: "button", testid: "confirm-cancel", onclick: no },
      textObject(confirm.deny),
    );
    const ok = h(
      "button",
      {
        class: `btn solid ${confirm.style ?? "primary"}`,
        type: "button",
        testid: "confirm-ok",
        onclick: () => answer(true),
      },
      textObject(confirm.confirm),
    );
    const node = openDialog(
      { testid: "confirm", label: title, className: "confirm", onclose: no },
      h("header", { class: "dialog-head" }, h("h2", null, textObject(confirm.title)), closeButton("Close", no)),
      h("div", { class: "dialog-body" }, textObject(confirm.text)),
      h("footer", { class: "dialog-foot" }, deny, ok),
    );
    ok.focus();
  });
}

const SLOW_MS = 250;

/** An `env` for blocks.js: `verb` and `place()` say where a click comes from. */
export function actionEnv(verb, place) {
  return { place, act: (block, e, chosen, node) => act(verb, place, block, e, chosen, node) };
}

async function act(verb, place, block, e, chosen, node) {
  const user = store.me;
  if (e.confirm && !(await confirmed(e.confirm))) return;
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
