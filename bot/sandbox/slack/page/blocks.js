// Block Kit → DOM nodes: one small function for each type of block.
// `env` says what a control does: `act(block, element, value, button)` for a click or a choice.

import { h } from "./dom.js";
import { control, inputBlock } from "./elements.js";
import { mrkdwn, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";

const BUILD = {
  header: (b) => h("h3", { class: "b-header" }, textObject(b.text)),
  section,
  context,
  divider: () => h("hr", { class: "b-divider" }),
  actions,
  image: imageBlock,
  rich_text: (b) => h("div", { class: "b-rich" }, richText(b.elements)),
  markdown: (b) => h("div", { class: "b-section" }, mrkdwn(b.text)),
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
  const side = b.accessory && h("div", { class: "b-accessory" }, control(b, b.accessory, env));
  return h("div", { class: "b-section" }, body, side);
}

function context(b) {
  const parts = b.elements.map((e) => (e.type === "image" ? picture(e) : h("span", null, textObject(e))));
  return h("div", { class: "b-context" }, parts);
}

function actions(b, env) {
  return h("div", { class: "b-actions" }, b.elements.map((e) => control(b, e, env)));
}

function imageBlock(b) {
  return h(
    "figure",
    { class: "b-image" },
    b.title && h("figcaption", null, textObject(b.title)),
    picture(b),
  );
}

/** Only pictures of this origin load; for all others their description stands. */
function picture(e) {
  const onerror = (event) => event.target.replaceWith(h("span", { class: "b-alt" }, e.alt_text));
  return h("img", { src: e.image_url, alt: e.alt_text, onerror });
}
