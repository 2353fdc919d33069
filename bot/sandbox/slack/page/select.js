// Select elements, single and multi: type to search, pick with keyboard or mouse, what is chosen
// of several stands as chips before the text. Only what is offered can be chosen.

import { h, icon } from "./dom.js";
import { makeListbox } from "./listbox.js";
import { optionOf, optionsFor } from "./options.js";
import { textObject } from "./mrkdwn.js";

const PAUSE_MS = 150;
const SLOW_MS = 200;

/** A select for an element; `held` is what it holds already, in the payload's shape. */
export function select(block, e, env, { key, held }) {
  const multi = e.type.startsWith("multi_");
  const byId = !key.startsWith("selected_option");
  const most = e.max_selected_items ?? Infinity;
  const source = optionsFor(block, e, env);
  const clearable = !multi && (block.type !== "input" || block.optional);
  const placeholder = e.placeholder?.text ?? (multi ? "Select options" : "Select an option");
  let chosen = [held].flat().filter(Boolean).map((one) => (byId ? optionOf(one) : one));
  let typing = false;
  let asked = 0;
  let answered = 0;
  let timer = 0;

  const input = h("input", {
    class: "select-input", type: "text", autocomplete: "off", spellcheck: "false", role: "combobox",
    "aria-expanded": "false", "aria-autocomplete": "list", "aria-label": block.type === "input" ? null : placeholder,
  });
  const chips = h("span", { class: "select-chips" });
  const clear = h(
    "button",
    { class: "select-clear", type: "button", "aria-label": "Clear", title: "Clear", tabindex: "-1", onclick: () => change([]) },
    icon("close"),
  );
  const box = h("div", { class: "select-box f-text" }, chips, input, clear, icon("chevron", "select-mark"));
  const list = makeListbox(box, { pick, multi });
  const node = h("div", { class: multi ? "select multi" : "select" }, box, list.node);
  input.setAttribute("aria-controls", list.node.id);

  const values = () => new Set(chosen.map((o) => o.value));
  const typed = () => (multi || typing ? input.value : "");

  function draw() {
    chips.replaceChildren(...(multi ? chosen.map(chip) : []));
    if (!typing) input.value = multi || !chosen.length ? "" : chosen[0].text.text;
    input.placeholder = chosen.length ? "" : placeholder;
    clear.hidden = !clearable || !chosen.length;
    tell();
  }

  function chip(option) {
    const remove = { type: "button", "aria-label": `Remove ${option.text.text}`, tabindex: "-1", onmousedown: stay };
    const onclick = () => change(chosen.filter((o) => o !== option));
    return h("span", { class: "chip", testid: `chip-${option.value}` }, h("span", null, textObject(option.text)), h("button", { ...remove, onclick }, icon("close")));
  }

  function tell() {
    input.setAttribute("aria-expanded", String(list.isOpen()));
    if (list.activeId()) input.setAttribute("aria-activedescendant", list.activeId());
    else input.removeAttribute("aria-activedescendant");
  }

  /** Ask for the options and show them; only the answer to the last question counts. */
  async function load() {
    const question = (asked += 1);
    const waiting = setTimeout(() => question === asked && show({ groups: [], note: "Searching…" }), SLOW_MS);
    const found = await source.find(typed());
    clearTimeout(waiting);
    if (question === asked) answered = question;
    if (question === asked && document.activeElement === input) show(found);
  }

  function show({ groups, note }) {
    const full = multi && chosen.length >= most;
    list.show(groups, values(), full ? `${most} at most: remove one to choose another` : note);
    list.again = () => show({ groups, note });
    tell();
  }

  function close() {
    asked += 1;
    clearTimeout(timer);
    list.close();
    tell();
  }

  function pick(option) {
    if (!multi) {
      typing = false;
      change([option]);
      return close();
    }
    const without = chosen.filter((o) => o.value !== option.value);
    if (without.length === chosen.length && chosen.length >= most) return;
    input.value = "";
    change(without.length < chosen.length ? without : [...chosen, option]);
    list.again();
  }

  function change(next) {
    const before = JSON.stringify([...values()]);
    chosen = next;
    draw();
    list.place();
    input.focus();
    if (JSON.stringify([...values()]) === before) return;
    for (const name of ["input", "change"]) node.dispatchEvent(new Event(name, { bubbles: name === "input" }));
  }

  /** Choose what is active, once the list is about what was typed. */
  async function enter() {
    if (!list.isOpen()) return load();
    if (answered !== asked) {
      clearTimeout(timer);
      await load();
    }
    list.take();
    tell();
  }

  function onkeydown(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Backspace" && multi && !input.value && chosen.length) change(chosen.slice(0, -1));
    else if (event.key === "Escape" && list.isOpen()) close();
    else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) enter();
    else if (step) list.isOpen() ? list.move(step) : load();
    else return;
    tell();
    event.preventDefault();
    event.stopPropagation();
  }

  input.addEventListener("input", (event) => {
    event.stopPropagation();
    typing = true;
    asked += 1;
    clearTimeout(timer);
    timer = setTimeout(load, source.slow ? PAUSE_MS : 0);
  });
  input.addEventListener("change", (event) => event.stopPropagation());
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", () => {
    typing = false;
    if (multi) input.value = "";
    close();
    draw();
  });
  input.addEventListener("keydown", onkeydown);
  box.addEventListener("mousedown", (event) => event.target !== input && stay(event));
  box.addEventListener("click", (event) => {
    if (event.target.closest("button")) return;
    input.focus();
    if (list.isOpen()) close();
    else load();
  });
  draw();
  node.read = () => {
    const content = chosen.map((o) => (byId ? o.value : o));
    return { [key]: multi ? content : content[0] ?? null };
  };
  return node;
}

/** Keep the focus where it is. */
function stay(event) {
  event.preventDefault();
}
