// Select elements, single and multi: type to search, pick with keyboard or mouse, what is chosen
// of several stands as chips before the text. Only what is offered can be chosen.
// The list of options is in the browser's top layer, so that no dialog cuts it off.

import { h, icon } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { channel, post, store } from "./state.js";

/** Where options come from: the element's own list, or the app or the workspace, which are asked. */
function optionsFor(block, e, env) {
  if (e.options) return { slow: false, find: (typed) => matching(e.options, typed) };
  return { slow: true, find: (typed) => ask(block, e, env, typed) };
}

/** The option of a conversation, which is held by its id. */
function optionOf(held) {
  if (typeof held === "object") return held;
  const known = channel(held);
  const name = known ? `${known.dm ? "" : "#"}${known.name}` : held;
  return { text: { type: "plain_text", text: name }, value: held };
}

function matching(options, typed) {
  const wanted = typed.trim().toLowerCase();
  const fits = (o) => `${o.text.text} ${o.description?.text ?? ""}`.toLowerCase().includes(wanted);
  return found(options.filter(fits));
}

const found = (options) => ({ options, note: options.length ? "" : "No results" });

async function ask(block, e, env, typed) {
  const { view_id } = env.place();
  const answer = await post("options", {
    user: store.me, view_id, block_id: block.block_id, action_id: e.action_id, value: typed,
  });
  return answer.ok ? found(answer.options) : { options: [], note: answer.error };
}

const TALLEST = 290;
const LEAST_BELOW = 190;
const GAP = 4;
const MARGIN = 12;

let lists = 0;

/** A list for `anchor`; `pick(option)` is called for a click or `take()`. */
function makeListbox(anchor, { pick, multi }) {
  const id = `options-${(lists += 1)}`;
  const node = h("ul", { class: "select-list", id, role: "listbox", popover: "manual", "aria-multiselectable": multi });
  let options = [];
  let active = -1;
  let open = false;

  function place() {
    const box = anchor.getBoundingClientRect();
    const [below, above] = [innerHeight - box.bottom - MARGIN, box.top - MARGIN];
    const up = below < LEAST_BELOW && above > below;
    const at = {
      left: `${box.left}px`,
      width: `${box.width}px`,
      "max-height": `${Math.min(TALLEST, up ? above : below)}px`,
      top: up ? "auto" : `${box.bottom + GAP}px`,
      bottom: up ? `${innerHeight - box.top + GAP}px` : "auto",
    };
    for (const [name, value] of Object.entries(at)) node.style.setProperty(name, value);
  }

  /** Show options, those in `chosen` (values) marked, and a line of what else to say. */
  function show(offered, chosen, note) {
    options = offered;
    active = Math.max(multi ? 0 : options.findIndex((o) => chosen.has(o.value)), options.length ? 0 : -1);
    const rows = options.map((o, i) => row(o, i, chosen.has(o.value)));
    node.replaceChildren(...rows, ...(note ? [h("li", { class: "select-note" }, note)] : []));
    if (!open) {
      open = true;
      node.showPopover();
      addEventListener("scroll", place, true);
      addEventListener("resize", place);
    }
    place();
    mark();
  }

  function row(option, i, chosen) {
    const about = option.description && h("small", null, textObject(option.description));
    const props = {
      class: "select-row", role: "option", id: `${id}-${i}`, testid: `option-${option.value}`,
      "aria-selected": String(chosen),
      onmousedown: (event) => event.preventDefault(),
      onmousemove: () => {
        active = i;
        mark();
      },
      onclick: () => pick(option),
    };
    return h("li", props, h("span", null, textObject(option.text), about), chosen && icon("check"));
  }

  function mark() {
    for (const item of node.querySelectorAll(".select-row")) {
      item.classList.toggle("active", item.id === `${id}-${active}`);
    }
  }

  function move(step) {
    if (!options.length) return;
    active = (active + step + options.length) % options.length;
    mark();
    node.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }

  function close() {
    if (!open) return;
    open = false;
    removeEventListener("scroll", place, true);
    removeEventListener("resize", place);
    if (node.isConnected) node.hidePopover();
    [options, active] = [[], -1];
  }

  return {
    node, show, move, close, place,
    isOpen: () => open,
    take: () => options[active] && pick(options[active]),
    activeId: () => (open && active >= 0 ? `${id}-${active}` : ""),
  };
}

const PAUSE_MS = 150;
const SLOW_MS = 200;

/** A select for an element; `held` is what it holds already: an option, several, or an id. */
export function select(block, e, env, held) {
  const multi = e.type.startsWith("multi_");
  const most = e.max_selected_items ?? Infinity;
  const source = optionsFor(block, e, env);
  const placeholder = e.placeholder?.text ?? (multi ? "Select options" : "Select an option");
  let chosen = [held].flat().filter(Boolean).map(optionOf);
  let typing = false;
  let asked = 0;
  let answered = 0;
  let timer = 0;

  const input = h("input", {
    class: "select-input", type: "text", autocomplete: "off", spellcheck: "false", role: "combobox",
    "aria-expanded": "false", "aria-autocomplete": "list",
  });
  const chips = h("span", { class: "select-chips" });
  const box = h("div", { class: "select-box f-text" }, chips, input, icon("chevron", "select-mark"));
  const list = makeListbox(box, { pick, multi });
  const node = h("div", { class: multi ? "select multi" : "select" }, box, list.node);
  input.setAttribute("aria-controls", list.node.id);

  const values = () => new Set(chosen.map((o) => o.value));
  const typed = () => (multi || typing ? input.value : "");

  function draw() {
    chips.replaceChildren(...(multi ? chosen.map(chip) : []));
    if (!typing) input.value = multi || !chosen.length ? "" : chosen[0].text.text;
    input.placeholder = chosen.length ? "" : placeholder;
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
    const waiting = setTimeout(() => question === asked && show({ options: [], note: "Searching…" }), SLOW_MS);
    const answer = await source.find(typed());
    clearTimeout(waiting);
    if (question === asked) answered = question;
    if (question === asked && document.activeElement === input) show(answer);
  }

  function show({ options, note }) {
    const full = multi && chosen.length >= most;
    list.show(options, values(), full ? `${most} at most: remove one to choose another` : note);
    list.again = () => show({ options, note });
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
    const values = chosen.map((o) => o.value);
    return multi ? values : values[0] ?? null;
  };
  node.chosen = () => (multi ? chosen : chosen[0] ?? null);
  return node;
}

/** Keep the focus where it is. */
function stay(event) {
  event.preventDefault();
}
