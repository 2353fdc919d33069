// Interactive elements of Block Kit: buttons and what stands in an input block.
// `control` is for messages and App Home (acts at once), `inputBlock` for modals (read later
// by `readValues`, in the shape of Slack's `view.state.values`).

import { h } from "./dom.js";
import { plain, textObject } from "./mrkdwn.js";
import { search } from "./search.js";

let ids = 0;

const label = (object) => object?.text ?? "";

/** An element that acts when used. */
export function control(block, e, env) {
  if (e.type === "button") return button(block, e, env);
  if (e.type === "image") return h("img", { src: e.image_url, alt: e.alt_text, class: "b-thumb" });
  const node = field(block, e, env);
  node.addEventListener("change", () => env.act(block, e, read(node, e), node));
  return node;
}

function button(block, e, env) {
  const style = e.style ? `btn ${e.style}` : "btn";
  const common = { class: style, testid: `action-${e.action_id}`, "aria-label": e.accessibility_label };
  const onclick = (event) => env.act(block, e, null, event.currentTarget);
  if (!e.url) return h("button", { ...common, type: "button", onclick }, textObject(e.text));
  const safe = /^https?:/.test(e.url) ? e.url : null;
  return h("a", { ...common, href: safe, target: "_blank", rel: "noopener noreferrer" }, textObject(e.text));
}

/** A labelled input; `data-action` marks the element that `readValues` asks. */
export function inputBlock(b, env) {
  const node = field(b, b.element, env);
  const id = `f${(ids += 1)}`;
  const target = node.matches("fieldset, .search") ? node.querySelector("input") : node;
  if (target && !target.id) target.id = id;
  node.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
  const optional = b.optional && h("span", { class: "f-optional" }, " (optional)");
  const title = node.matches("fieldset") ? "div" : "label";
  if (title === "div") node.setAttribute("aria-label", label(b.label));
  return h(
    "div",
    { class: "f" },
    h(title, { class: "f-label", for: title === "label" ? target.id : null }, textObject(b.label), optional),
    node,
    h("p", { class: "f-hint", id: `${id}-hint` }, textObject(b.hint)),
    h("p", { class: "f-error", id: `${id}-error`, role: "alert" }),
  );
}

const FIELDS = {
  plain_text_input: textInput,
  email_text_input: (b, e) => textInput(b, e, "email"),
  url_text_input: (b, e) => textInput(b, e, "url"),
  number_input: (b, e) => textInput(b, e, "number"),
  static_select: select,
  multi_static_select: (b, e) => choices(b, e, "checkbox", "boxed"),
  checkboxes: (b, e) => choices(b, e, "checkbox", ""),
  radio_buttons: (b, e) => choices(b, e, "radio", ""),
  external_select: search,
  overflow: select,
};

function field(b, e, env) {
  const build = Object.hasOwn(FIELDS, e.type) ? FIELDS[e.type] : textInput;
  const node = build(b, e, env);
  Object.assign(node.dataset, { action: e.action_id, testid: `input-${e.action_id}` });
  if (e.focus_on_load) node.dataset.first = "";
  node.element = e;
  return node;
}

function textInput(b, e, type = "text") {
  const shared = {
    class: "f-text", value: e.initial_value ?? "", placeholder: label(e.placeholder),
    maxlength: e.max_length, autocomplete: "off",
  };
  return e.multiline ? h("textarea", { ...shared, rows: 3 }) : h("input", { ...shared, type });
}

/** All options of a select, radio or checkbox element, groups flattened. */
const optionsOf = (e) => e.options ?? (e.option_groups ?? []).flatMap((g) => g.options);

function select(b, e) {
  const option = (o) => h(
    "option",
    { value: o.value, selected: o.value === e.initial_option?.value },
    label(o.text),
  );
  const groups = e.option_groups?.map((g) => h("optgroup", { label: label(g.label) }, g.options.map(option)));
  const empty = h("option", { value: "" }, label(e.placeholder) || "Choose an option");
  return h(
    "select",
    { class: "f-text", "aria-label": label(e.placeholder) },
    empty,
    groups ?? optionsOf(e).map(option),
  );
}

function choices(b, e, type, className) {
  const name = `g${(ids += 1)}`;
  const initial = new Set([e.initial_option, ...(e.initial_options ?? [])].map((o) => o?.value));
  const row = (o) => {
    const checked = initial.has(o.value);
    const description = o.description && h("span", { class: "f-hint" }, textObject(o.description));
    const box = h("input", { type, name, value: o.value, checked });
    return h("label", { class: "f-choice" }, box, h("span", null, textObject(o.text), description));
  };
  const empty = h("p", { class: "f-hint" }, plain("Nothing to choose from."));
  const rows = optionsOf(e).map(row);
  return h("fieldset", { class: `f-choices ${className}` }, rows.length ? rows : empty);
}

/** What an element holds now, as Slack sends it. */
export function read(node, e) {
  if (node.chosen !== undefined) return { selected_option: node.chosen };
  if (node.matches("fieldset")) {
    const on = new Set([...node.querySelectorAll(":checked")].map((box) => box.value));
    const chosen = optionsOf(e).filter((o) => on.has(o.value));
    return e.type === "radio_buttons" ? { selected_option: chosen[0] ?? null } : { selected_options: chosen };
  }
  if (node.matches("select")) {
    return { selected_option: optionsOf(e).find((o) => o.value === node.value) ?? null };
  }
  return { value: node.value === "" ? null : node.value };
}

/** All inputs below a node, as `view.state.values`. */
export function readValues(root) {
  const values = {};
  for (const node of root.querySelectorAll("[data-action]")) {
    const { block } = node.closest("[data-block]").dataset;
    (values[block] ??= {})[node.dataset.action] = { type: node.element.type, ...read(node, node.element) };
  }
  return values;
}
