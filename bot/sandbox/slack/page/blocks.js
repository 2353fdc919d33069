// Block Kit → DOM nodes: one small function for each type of block and of element.
// `env` says what a control does: `act(block, element, value, node)` for a click or a choice. Buttons
// act at once; labelled fields are read later (by `readValues`, in the shape of Slack's
// `view.state.values`) and act too where the block says so.

import { h } from "./dom.js";
import { richText, textObject } from "./mrkdwn.js";
import { select } from "./select.js";

let ids = 0;

const label = (object) => object?.text ?? "";

function button(block, e, env) {
  const props = {
    class: e.style ? `btn ${e.style}` : "btn",
    type: "button",
    testid: `action-${e.action_id}`,
    "aria-label": e.accessibility_label,
    onclick: (event) => env.act(block, e, null, event.currentTarget),
  };
  return h("button", props, textObject(e.text));
}

/** A labelled input; `data-action` marks the element that `readValues` asks. */
function inputBlock(b, env) {
  const node = field(b, b.element, env);
  const id = `f${(ids += 1)}`;
  const target = node.matches("fieldset, .select") ? node.querySelector("input") : node;
  if (target && !target.id) target.id = id;
  (node.matches("fieldset") ? node : target).setAttribute("aria-describedby", `${id}-hint ${id}-error`);
  const optional = b.optional && h("span", { class: "f-optional" }, " (optional)");
  const title = node.matches("fieldset") ? "div" : "label";
  if (title === "div") node.setAttribute("aria-label", label(b.label));
  const apply = b.dispatch_action && dispatching(b, node, env);
  return h(
    "div",
    { class: "f" },
    h(title, { class: "f-label", for: title === "label" ? target.id : null }, textObject(b.label), optional),
    node,
    h("p", { class: "f-hint", id: `${id}-hint` }, textObject(b.hint), apply),
    h("p", { class: "f-error", id: `${id}-error`, role: "alert" }),
  );
}

/** Let a field tell the app of its changes; what to say below it about that. */
function dispatching(b, node, env) {
  const act = () => env.act(b, b.element, node.read(), node);
  if (!node.matches("input")) {
    node.addEventListener("change", act);
    return "";
  }
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  return h("span", { class: "f-apply" }, " Press ", h("kbd", null, "Enter"), " to apply.");
}

const FIELDS = { plain_text_input: textInput, radio_buttons: choices };

/** A field; `read()` gives what it holds: a text, an option's value, or a list of them. */
function field(b, e, env) {
  const build = FIELDS[e.type] ?? select;
  const node = build(b, e, env, contentOf(env.held?.(b.block_id, e.action_id)));
  Object.assign(node.dataset, { action: e.action_id, testid: `input-${e.action_id}` });
  if (e.focus_on_load) node.dataset.first = "";
  return node;
}

/** What a field holds: in `state.values` it stands beside the `type`, else it is given as it is. */
function contentOf(held) {
  if (!held?.type) return held ?? null;
  return Object.entries(held).find(([key]) => key !== "type")?.[1] ?? null;
}

function textInput(_b, e, _env, held) {
  const node = h("input", {
    class: "f-text", type: "text", placeholder: label(e.placeholder), maxlength: e.max_length,
    autocomplete: "off", value: held ?? "",
  });
  node.read = () => (node.value === "" ? null : node.value);
  return node;
}

function choices(_b, e, _env, held) {
  const name = `g${(ids += 1)}`;
  const row = (o) => {
    const box = h("input", { type: "radio", name, value: o.value, checked: o.value === (held?.value ?? held) });
    return h("label", { class: "f-choice" }, box, h("span", null, textObject(o.text)));
  };
  const node = h("fieldset", { class: "f-choices" }, e.options.map(row));
  node.read = () => node.querySelector(":checked")?.value ?? null;
  return node;
}

/** All fields below a node, as `{block_id: {action_id: what it holds}}`. */
export function readValues(root) {
  const values = {};
  for (const node of root.querySelectorAll("[data-action]")) {
    const { block } = node.closest("[data-block]").dataset;
    (values[block] ??= {})[node.dataset.action] = node.read();
  }
  return values;
}

const BUILD = {
  header: (b) => h("h3", { class: "b-header" }, textObject(b.text)),
  section,
  context,
  divider: () => h("hr", { class: "b-divider" }),
  actions,
  rich_text: (b) => h("div", { class: "b-rich" }, richText(b.elements)),
  table,
  input: inputBlock,
};

/** The node for one block; a type that the page does not know says so. */
export function block(b, env) {
  const build = Object.hasOwn(BUILD, b.type) ? BUILD[b.type] : unknown;
  const node = build(b, env);
  node.classList.add("b");
  if (b.block_id) node.dataset.block = b.block_id;
  return node;
}

function unknown(b) {
  return h("p", { class: "b-unknown" }, `(a ${b.type} block, which the sandbox does not draw)`);
}

function section(b, env) {
  const fields = (b.fields ?? []).map((f) => h("div", { class: "b-field" }, textObject(f)));
  const body = h(
    "div",
    { class: "b-body" },
    b.text && h("div", { class: "b-text" }, textObject(b.text)),
    fields.length > 0 && h("div", { class: "b-fields" }, fields),
  );
  const side = b.accessory && h("div", { class: "b-accessory" }, button(b, b.accessory, env));
  return h("div", { class: "b-section" }, body, side);
}

function context(b) {
  return h("div", { class: "b-context" }, b.elements.map((e) => h("span", null, textObject(e))));
}

function actions(b, env) {
  return h("div", { class: "b-actions" }, b.elements.map((e) => button(b, e, env)));
}

/** The first row is the head, as in Slack; a wide table scrolls by itself. */
function table(b) {
  const cell = (tag, c, column) => {
    const { align = "left", is_wrapped: wrapped = false } = b.column_settings?.[column] ?? {};
    const props = { class: wrapped ? `to-${align} wraps` : `to-${align}`, scope: tag === "th" ? "col" : null };
    return h(tag, props, c.type === "rich_text" ? richText(c.elements) : c.text);
  };
  const row = (tag) => (cells) => h("tr", null, cells.map((c, column) => cell(tag, c, column)));
  const [head, ...rows] = b.rows;
  const inside = h("table", null, h("thead", null, row("th")(head)), h("tbody", null, rows.map(row("td"))));
  return h("div", { class: "b-table", tabindex: "0", role: "region", "aria-label": "Table" }, inside);
}
