// The app's views: App Home and its modal, with errors at their blocks and a busy state.
// Both change while somebody is at them: what is the same stays the same node, a field that is
// rebuilt (same block_id) keeps what stands in it, and the focus stays at its control.

import { block, readValues } from "./blocks.js";
import { actionEnv, closeButton, closeDialog, openDialog } from "./dialog.js";
import { h, keyed, setText, slots } from "./dom.js";
import { plain } from "./mrkdwn.js";
import { avatar } from "./people.js";
import { changed, explain, post, store } from "./state.js";

/** Draw blocks into a node; `state` is what their fields hold on the server. */
function drawBlocks(parent, blocks, state, env) {
  const now = heldIn(parent);
  const held = (block_id, action_id) => now(block_id, action_id) ?? state?.[block_id]?.[action_id];
  const focus = focusIn(parent);
  keyed(parent, rows(blocks), {
    key: (row) => row.key,
    create: (row) => block(row.b, { ...env, held }),
    update: (node, row) => (node.dataset.block = row.b.block_id),
  });
  focus?.restore();
}

/** What stands in the fields now, with the whole options of selects, for when they are rebuilt. */
function heldIn(parent) {
  const found = new Map();
  for (const node of parent.querySelectorAll("[data-action]")) {
    const { block } = node.closest("[data-block]").dataset;
    found.set(`${block} ${node.dataset.action}`, node.chosen?.() ?? node.read());
  }
  return (block_id, action_id) => found.get(`${block_id} ${action_id}`);
}

/** Draw from nothing the next time: what stands in the fields is then the server's. */
function forgetBlocks(parent) {
  parent.replaceChildren();
  parent.keyedNodes = undefined;
}

/** Blocks with fields are known by their id, the others by what they say: their ids may be new. */
function rows(blocks) {
  const seen = new Map();
  return blocks.map((b) => {
    const id = b.type === "input" ? b.block_id : "";
    const text = `${id} ${JSON.stringify(b, (name, value) => (name === "block_id" ? undefined : value))}`;
    const nth = (seen.get(text) ?? 0) + 1;
    seen.set(text, nth);
    return { key: `${text} ${nth}`, b };
  });
}

/** Where the focus is, and how it comes back when its control was rebuilt. */
function focusIn(parent) {
  const node = /** @type {any} */ (document.activeElement);
  if (!parent.contains(node)) return null;
  const { dataset } = node.closest("[data-testid]");
  const id = node.closest("[data-block]")?.dataset.block;
  const caret = node.matches("input, textarea") ? [node.selectionStart, node.selectionEnd] : null;
  const restore = () => {
    if (node.isConnected) return;
    /** @type {any[]} */
    const twins = [...parent.querySelectorAll(`[data-testid="${CSS.escape(dataset.testid)}"]`)];
    const twin = twins.find((t) => t.closest("[data-block]")?.dataset.block === id) ?? twins[0];
    const target = twin?.matches(".select") ? twin.querySelector("input") : twin;
    (target ?? parent.closest("[tabindex]"))?.focus({ preventScroll: true });
    if (caret && target?.setSelectionRange && caret[0] !== null) target.setSelectionRange(...caret);
  };
  return { restore };
}

const NOTHING = {
  type: "context",
  block_id: "nothing",
  elements: [{ type: "mrkdwn", text: "_The app has nothing to show here yet._" }],
};

/** The pane, and `draw(visible)`; opening it tells the app, once for each visit. */
export function homeView() {
  const env = actionEnv("home_click", () => ({ view_id: store.data.home?.view_id }));
  const face = h("div", { class: "home-head" });
  const body = h("div", { class: "home-body" });
  const node = h(
    "div",
    { class: "home", testid: "home-view", tabindex: "-1" },
    h("div", { class: "home-page" }, face, body),
  );
  let visiting = "";

  const draw = (visible) => {
    const visit = visible ? store.me : "";
    if (visit && visit !== visiting) post("home_opened", { user: store.me });
    if (visit !== visiting) forgetBlocks(body);
    visiting = visit;
    if (!visible) return;
    slots(face, [store.data.app, 0], (app) => (app ? avatar(app.user, "large") : title()));
    const { view, state } = store.data.home ?? {};
    drawBlocks(body, view?.blocks.length ? view.blocks : [NOTHING], state, env);
  };
  return { node, draw };
}

function title() {
  const { name } = store.data.app;
  return h("div", null, h("h2", null, name), h("p", { class: "about" }, "Only you see this page"));
}

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

function build({ view_id: id, view }, instead) {
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
  const className = instead ? "modal at-once" : "modal";
  const node = openDialog({ testid: "modal", label, className, onclose: dismiss }, form);
  const env = actionEnv("view_click", () => ({ view_id: id, values: readValues(body) }));
  const mended = new Set();
  body.addEventListener("input", (event) => {
    const id = event.target.closest("[data-block]")?.dataset.block;
    if (mended.has(id) || !store.data.modal?.errors[id]) return;
    mended.add(id);
    changed();
  });
  return { id, node, form, title, body, error, submitButton, cancel, env, mended, sending: false, failure: "" };
}

function update({ view, state, errors, busy }) {
  const { title, body, submitButton, cancel, form, env } = open;
  title.replaceChildren(...plain(view.title?.text ?? ""));
  drawBlocks(body, view.blocks, state, env);
  showErrors(body, Object.fromEntries(Object.entries(errors).filter(([id]) => !open.mended.has(id))));
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
  if (!current || current.sending) return;
  current.sending = true;
  current.mended.clear();
  if (store.data.modal) update(store.data.modal);
  const answer = await post(
    "submit",
    { user: store.me, view_id: current.id, values: readValues(current.body) },
  );
  current.sending = false;
  if (open !== current) return;
  current.failure = answer.ok ? "" : explain("That", answer.error);
  changed();
}

function dismiss() {
  const { id } = open;
  store.closedView = id;
  post("close", { user: store.me, view_id: id });
  drawModal();
}
