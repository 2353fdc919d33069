// Ctrl/Cmd+K: type a few letters, become a person, go to a channel, start a shortcut.

import { avatar } from "./avatar.js";
import { closeDialog, openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { shortcuts, start } from "./shortcuts.js";
import { become, go, store } from "./state.js";

let open = null;

/** Open the palette, or close it when it is open. */
export function openPalette() {
  if (open) return close();
  const input = h("input", {
    class: "palette-input", type: "text", placeholder: "A person, a channel, a shortcut…", testid: "palette",
    role: "combobox", "aria-label": "Jump to", "aria-expanded": "true", "aria-controls": "palette-list",
    autocomplete: "off",
  });
  const list = h("ul", { class: "palette-list", id: "palette-list", role: "listbox" });
  let rows = [];
  let active = 0;

  const draw = () => {
    const typed = input.value.trim().toLowerCase();
    rows = everything().filter((row) => row.search.toLowerCase().includes(typed));
    active = Math.min(active, Math.max(rows.length - 1, 0));
    list.replaceChildren(...rows.map((row, i) => line(row, i === active)));
    input.setAttribute("aria-activedescendant", rows.length ? "palette-active" : "");
  };
  const onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step && event.key !== "Enter") return;
    event.preventDefault();
    if (step && rows.length) active = (active + step + rows.length) % rows.length;
    else if (rows[active]) return pick(rows[active]);
    draw();
  };
  input.addEventListener("keydown", onkeydown);
  input.addEventListener("input", draw);
  open = openDialog({ label: "Jump to", className: "palette", onclose: close }, input, list);
  draw();
  input.focus();
}

function close() {
  closeDialog(open);
  open = null;
}

function pick(row) {
  close();
  row.run();
}

function everything() {
  const { people, channels, app } = store.data;
  const others = people.filter((p) => p.id !== store.me);
  return [
    ...others.map((p) => ({
      search: `${p.real_name} ${p.name}`,
      name: p.real_name || p.name,
      about: p.title,
      sign: () => avatar(p.id, "small"),
      run: () => become(p.id),
    })),
    ...channels.map((c) => ({
      search: c.name,
      name: c.name,
      about: "channel",
      sign: () => icon(c.private ? "lock" : "hash"),
      run: () => go(c.id),
    })),
    {
      search: `${app.name} home`,
      name: app.name,
      about: "App Home",
      sign: () => avatar(app.user, "small"),
      run: () => go("home"),
    },
    ...shortcuts().map((s) => ({
      search: s.name,
      name: s.name,
      about: `shortcut of ${app.name}`,
      sign: () => icon("bolt"),
      run: () => start(s, store.place.channel, store.place.thread),
    })),
  ];
}

function line(row, selected) {
  const props = {
    class: "palette-row",
    role: "option",
    id: selected ? "palette-active" : null,
    "aria-selected": String(selected),
    onclick: () => pick(row),
  };
  return h("li", props, row.sign(), h("b", null, row.name), h("span", null, row.about));
}
