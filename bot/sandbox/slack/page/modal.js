// The app's modal: its view, errors at their blocks, and a busy state while it answers.
// Of several modals in a stack the one on top shows.

import { actionEnv } from "./actions.js";
import { closeButton, closeDialog, openDialog } from "./dialog.js";
import { h, icon, setText } from "./dom.js";
import { readValues } from "./elements.js";
import { plain } from "./mrkdwn.js";
import { changed, explain, post, store } from "./state.js";
import { drawBlocks } from "./views.js";

let open = null;

/** Follow the state: open, update or close the dialog. */
export function drawModal() {
  const modal = store.data.modal;
  const wanted = modal && modal.view_id !== store.closedView ? modal : null;
  const before = open;
  if (open && open.id !== wanted?.view_id) {
    closeDialog(open.node);
    open = null;
  }
  if (!wanted) return;
  const isNew = !open;
  open ??= build(wanted, Boolean(before));
  update(wanted);
  if (isNew) focusFirst(open.form);
}

function build({ view_id: id, view, pushed }, instead) {
  const title = h("h2");
  const back = pushed && h(
    "button",
    { class: "icon-btn back", type: "button", "aria-label": "Back", title: "Back (Esc)", onclick: dismiss },
    icon("chevron"),
  );
  const body = h("div", { class: "dialog-body" });
  const error = h("p", { class: "f-error", role: "alert" });
  const submitButton = h("button", { class: "btn solid primary", type: "submit", testid: "modal-submit" });
  const cancel = h("button", { class: "btn", type: "button", testid: "modal-close", onclick: dismiss });
  const form = h(
    "form",
    { novalidate: true },
    h("header", { class: "dialog-head" }, back, title, closeButton("Close", dismiss)),
    body,
    h("footer", { class: "dialog-foot" }, error, cancel, submitButton),
  );
  form.addEventListener("submit", submit);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const label = view.title?.text ?? "Form";
  const className = instead ? "modal at-once" : "modal";
  const node = openDialog({ testid: "modal", label, className, onclose: dismiss }, form);
  const env = actionEnv("view_click", () => ({ view_id: id, values: readValues(body) }));
  const missing = {};
  body.addEventListener("input", (event) => {
    const typed = event.target.closest("[data-block]")?.dataset.block;
    if (!(typed in missing)) return;
    delete missing[typed];
    changed();
  });
  return { id, node, form, title, body, error, submitButton, cancel, env, missing, sending: false, failure: "" };
}

function update({ view, state, errors, busy }) {
  const { title, body, submitButton, cancel, form, env } = open;
  title.replaceChildren(...plain(view.title?.text ?? ""));
  drawBlocks(body, view.blocks, state, env);
  showErrors(body, { ...errors, ...open.missing });
  setText(open.error, errors?.[""] ?? open.failure);
  const waiting = Boolean(busy || open.sending);
  submitButton.hidden = !view.submit;
  setText(submitButton, view.submit?.text ?? "Submit");
  setText(cancel, view.close?.text ?? (view.submit ? "Cancel" : "Close"));
  submitButton.classList.toggle("busy", waiting);
  submitButton.disabled = waiting;
  form.setAttribute("aria-busy", String(waiting));
}

function showErrors(body, errors) {
  for (const node of body.children) {
    const text = errors[node.dataset.block] ?? "";
    const line = node.querySelector(".f-error");
    if (!line) continue;
    setText(line, text);
    const before = node.classList.contains("wrong");
    node.classList.toggle("wrong", Boolean(text));
    node.querySelector("input, textarea")?.setAttribute("aria-invalid", String(Boolean(text)));
    const first = text && !before && !body.querySelector(".wrong :focus");
    if (first) node.querySelector("input, textarea")?.focus();
  }
}

function focusFirst(form) {
  const wanted = form.querySelector("[data-first]") ?? form.querySelector(".dialog-body :is(input, textarea)");
  const first = wanted?.matches("input, textarea") ? wanted : wanted?.querySelector("input");
  (first ?? form.querySelector("[type=submit]:not([hidden])"))?.focus();
}

async function submit(event) {
  event.preventDefault();
  const current = open;
  if (!current || current.sending || !complete(current)) return;
  current.sending = true;
  update(store.data.modal);
  const answer = await post(
    "submit",
    { user: store.me, view_id: current.id, values: readValues(current.body) },
  );
  current.sending = false;
  if (open !== current) return;
  current.failure = answer.ok ? "" : explain("That", answer.error);
  changed();
}

/** Whether no required input is empty: Slack itself refuses that, before it asks the app. */
function complete({ body, missing }) {
  const values = readValues(body);
  for (const id of Object.keys(missing)) delete missing[id];
  for (const b of store.data.modal?.view.blocks ?? []) {
    if (b.type !== "input" || b.optional) continue;
    const { type, ...held } = values[b.block_id]?.[b.element.action_id] ?? {};
    const [content] = Object.values(held);
    if (!content || content.length === 0) missing[b.block_id] = "Please complete this required field.";
  }
  showErrors(body, missing);
  return Object.keys(missing).length === 0;
}

function dismiss() {
  const { id } = open;
  store.closedView = id;
  post("close", { user: store.me, view_id: id });
  drawModal();
}
