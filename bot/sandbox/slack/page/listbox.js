// A list of options in the browser's top layer, below its field or above it where there is no
// room: a dialog that scrolls never cuts it off. It knows its rows and which one is active; what
// is chosen is the field's business.

import { h, icon } from "./dom.js";
import { textObject } from "./mrkdwn.js";

const TALLEST = 290;
const LEAST_BELOW = 190;
const GAP = 4;
const MARGIN = 12;

let lists = 0;

/** A list for `anchor`; `pick(option)` is called for a click or `take()`. */
export function makeListbox(anchor, { pick, multi }) {
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

  /** Show groups of options, those in `chosen` (values) marked, and a line of what else to say. */
  function show(groups, chosen, note) {
    options = groups.flatMap((g) => g.options);
    active = Math.max(multi ? 0 : options.findIndex((o) => chosen.has(o.value)), options.length ? 0 : -1);
    let i = 0;
    const rows = groups.flatMap((g) => [
      g.label && h("li", { class: "select-group", role: "presentation" }, g.label),
      ...g.options.map((o) => row(o, i++, chosen.has(o.value))),
    ]);
    node.replaceChildren(...rows.filter(Boolean), ...(note ? [h("li", { class: "select-note" }, note)] : []));
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
      onmousemove: () => i !== active && mark((active = i)),
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
