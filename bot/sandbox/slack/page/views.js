// The blocks of a modal or of App Home. Both change while somebody is at them: what is the same
// stays the same node, a field that is rebuilt (same block_id) keeps what stands in it, and the
// focus stays at its control.

import { block } from "./blocks.js";
import { keyed } from "./dom.js";
import { readValues } from "./elements.js";

/** Draw blocks into a node; `state` is what their fields hold on the server. */
export function drawBlocks(parent, blocks, state, env) {
  const now = readValues(parent);
  const held = (block_id, action_id) => now[block_id]?.[action_id] ?? state?.[block_id]?.[action_id];
  const focus = focusIn(parent);
  keyed(parent, rows(blocks), {
    key: (row) => row.key,
    create: (row) => block(row.b, { ...env, held }),
    update: (node, row) => (node.dataset.block = row.b.block_id),
  });
  focus?.restore();
}

/** Draw from nothing the next time: what stands in the fields is then the server's. */
export function forgetBlocks(parent) {
  parent.replaceChildren();
  parent.keyedNodes = undefined;
}

/** Blocks with fields are known by their id, the others by what they say: their ids may be new. */
function rows(blocks) {
  const seen = new Map();
  return blocks.map((b) => {
    const id = hasField(b) ? b.block_id : "";
    const text = `${id} ${JSON.stringify(b, (name, value) => (name === "block_id" ? undefined : value))}`;
    const nth = (seen.get(text) ?? 0) + 1;
    seen.set(text, nth);
    return { key: `${text} ${nth}`, b };
  });
}

function hasField(b) {
  const inside = [b.element, b.accessory, ...(b.elements ?? [])];
  return inside.some((e) => e && /_select$|_input$|picker$|^checkboxes$|^radio_buttons$/.test(e.type));
}

/** Where the focus is, and how it comes back when its control was rebuilt. */
function focusIn(parent) {
  const node = document.activeElement;
  if (!parent.contains(node)) return null;
  const { dataset } = node.closest("[data-testid]");
  const id = node.closest("[data-block]")?.dataset.block;
  const caret = node.matches("input, textarea") ? [node.selectionStart, node.selectionEnd] : null;
  const restore = () => {
    if (node.isConnected) return;
    const twins = [...parent.querySelectorAll(`[data-testid="${CSS.escape(dataset.testid)}"]`)];
    const twin = twins.find((t) => t.closest("[data-block]")?.dataset.block === id) ?? twins[0];
    const target = twin?.matches(".select") ? twin.querySelector("input") : twin;
    (target ?? parent.closest("[tabindex]"))?.focus({ preventScroll: true });
    if (caret && target?.setSelectionRange && caret[0] !== null) target.setSelectionRange(...caret);
  };
  return { restore };
}
