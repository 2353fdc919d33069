// The external_select element: a text search whose options the app gives (verb `options`).
// Only an offered option can be chosen; where nobody offers any, what was typed is the value.

import { h } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { post, store } from "./state.js";

const PAUSE_MS = 150;
const LEAST_CHARACTERS = 3;
let lists = 0;

/** A search field; its node's `chosen` is the selected option, or null. */
export function search(block, e, env) {
  const id = `options-${(lists += 1)}`;
  const list = h("ul", { class: "search-list", id, role: "listbox", hidden: true });
  const input = h("input", {
    class: "f-text", type: "text", autocomplete: "off", value: e.initial_option?.text.text ?? "",
    placeholder: e.placeholder?.text ?? "Type to search",
    role: "combobox", "aria-controls": id, "aria-expanded": "false",
  });
  const node = h("div", { class: "search" }, input, list);
  node.chosen = e.initial_option ?? null;
  let options = [];
  let offered = false;
  let active = -1;
  let timer = 0;

  function show(found) {
    options = found;
    active = -1;
    draw();
  }

  function draw() {
    list.replaceChildren(...options.map(row));
    list.hidden = options.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.children[active]?.scrollIntoView({ block: "nearest" });
  }

  function row(option, i) {
    const onmousedown = (event) => {
      event.preventDefault();
      choose(option);
    };
    const props = {
      role: "option",
      testid: `option-${option.value}`,
      "aria-selected": String(i === active),
      onmousedown,
    };
    return h("li", props, textObject(option.text));
  }

  function choose(option) {
    node.chosen = option;
    input.value = option.text.text;
    show([]);
    node.dispatchEvent(new Event("change"));
  }

  async function load() {
    const value = input.value;
    const place = env?.place?.() ?? {};
    const answer = await post(
      "options",
      { user: store.me, ...place, block_id: block.block_id, action_id: e.action_id, value },
    );
    if (value !== input.value || !answer.ok) return;
    offered = true;
    node.chosen = answer.options.find((o) => o.text.text === value.trim() || o.value === value.trim()) ?? null;
    if (document.activeElement === input) show(answer.options);
  }

  function soon() {
    clearTimeout(timer);
    if (input.value.length >= (e.min_query_length ?? LEAST_CHARACTERS)) timer = setTimeout(load, PAUSE_MS);
    else show([]);
  }

  function typed() {
    const text = input.value.trim();
    node.chosen = text && !offered ? { text: { type: "plain_text", text }, value: text } : null;
    soon();
  }

  function take(event) {
    event.preventDefault();
    choose(options[active]);
  }

  function onkeydown(event) {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) active = (active + step + options.length) % options.length;
    else if (event.key === "Enter" && active >= 0) return take(event);
    else if (event.key === "Escape") options = [];
    else return;
    event.preventDefault();
    draw();
  }

  input.addEventListener("input", typed);
  input.addEventListener("focus", () => !node.chosen && soon());
  input.addEventListener("blur", () => show([]));
  input.addEventListener("change", (event) => event.stopPropagation());
  input.addEventListener("keydown", onkeydown);
  return node;
}
