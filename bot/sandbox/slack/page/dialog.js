// Modal dialogs on the browser's own <dialog>: it traps focus, makes the rest inert, and gives
// focus back when it closes. The bot's `confirm` objects are asked here, word for word.

import { h, icon } from "./dom.js";
import { textObject } from "./mrkdwn.js";

/** Show a dialog; `onclose` is called once, however it is closed by the person. */
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
export function confirmed(confirm) {
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
