// The app's modal: its view, errors at their blocks, and a busy state while it answers.
// What was typed survives updates of the view: inputs are rebuilt only where they changed.

import { actionEnv } from "./actions.js";
import { block } from "./blocks.js";
import { closeButton, closeDialog, openDialog } from "./dialog.js";
import { h, setText, slots } from "./dom.js";
import { readValues } from "./elements.js";
import { plain } from "./mrkdwn.js";
import { changed, explain, post, store } from "./state.js";

let open = null;

/** Follow the state: open, update or close the dialog. */
export function drawModal() {
  const modal = store.data.modal;
  const wanted = modal && modal.view_id !== store.closedView ? modal : null;
  if (open && open.id !== wanted?.view_id) {
    closeDialog(open.node);
    open = null;
  }
  if (!wanted) return;
  const isNew = !open;
  open ??= build(wanted);
  update(wanted);
  if (isNew) focusFirst(open.form);
}

function build({ view_id: id, view }) {
  const title = h("h2");
  const body = h("div", { class: "dialog-body" });
  const error = h("p", { class: "f-error", role: "alert" });
  const submitButton = h("button", { class: "btn solid primary", type: "submit", testid: "modal-submit" });
  const cancel = h("button", { class: "btn", type: "button", testid: "modal-close", onclick: dismiss });
  const form = h(
    "form",
    { novalidate: true },
    h("header", { class: "dialog-head" }, title, closeButton("Close", dismiss)),
    body,
    h("footer", { class: "dialog-foot" }, error, cancel, submitButton),
  );
  form.addEventListener("submit", submit);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const label = view.title?.text ?? "Form";
  const node = openDialog({ testid: "modal", label, className: "modal", onclose: dismiss }, form);
  const env = actionEnv("view_click", () => ({ view_id: id, values: readValues(body) }));
  const missing = {};
  body.addEventListener("input", (event) => {
    const { block: typed } = event.target.closest("[data-block]").dataset;
    if (!(typed in missing)) return;
    delete missing[typed];
    changed();
  });
  return { id, node, form, title, body, error, submitButton, cancel, env, missing, sending: false, failure: "" };
}

function update({ view, errors, busy }) {
  const { title, body, submitButton, cancel, form, env } = open;
  title.replaceChildren(...plain(view.title?.text ?? ""));
  const blocks = (view.blocks ?? []).map((b, i) => ({ block_id: `block-${i}`, ...b }));
  slots(body, blocks, (b) => block(b, env));
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
    node.querySelector("[data-action]")?.setAttribute("aria-invalid", String(Boolean(text)));
    const first = text && !before && !body.querySelector(".wrong :focus");
    if (first) node.querySelector("input, textarea, select")?.focus();
  }
}

function focusFirst(form) {
  const first = form.querySelector(
    "[data-first], .dialog-body input, .dialog-body textarea, .dialog-body select",
  );
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
  const blocks = new Map((store.data.modal?.view.blocks ?? []).map((b, i) => [b.block_id ?? `block-${i}`, b]));
  const values = readValues(body);
  for (const id of Object.keys(missing)) delete missing[id];
  for (const [id, b] of blocks) {
    if (b.type !== "input" || b.optional) continue;
    const held = values[id]?.[b.element.action_id] ?? {};
    const content = held.value ?? held.selected_option ?? held.selected_options;
    if (!content || content.length === 0) missing[id] = "Please complete this required field.";
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
