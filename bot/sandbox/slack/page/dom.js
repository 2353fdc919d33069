// Building and updating DOM nodes: the only place that knows how elements are made.
// Text always becomes text nodes, never markup, so nothing a user or the bot writes can run.
// `keyed` and `slots` reuse unchanged nodes, so that focus, selection and scroll survive updates.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `on*` props are listeners, `class`, `style` (CSSOM) and attributes.
 * @returns {any} views keep properties of their own on it
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProp(node, name, value);
  node.append(...flat(children));
  return node;
}

function setProp(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "class") node.className = value;
  else if (name === "style") for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
  else if (name === "testid") node.dataset.testid = value;
  else if (name === "value") node.value = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

function flat(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
}

/** An icon drawn with strokes on a 20 × 20 grid; hidden from screen readers. */
export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 20 20", "aria-hidden": "true", class: `icon ${className}` };
  for (const [k, v] of Object.entries(attributes)) svg.setAttribute(k, v);
  for (const d of ICONS[name].split("|")) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

const ICONS = {
  hash: "M7.5 3 6 17|M14 3l-1.5 14|M3.5 7.5h13.5|M3 12.5h13.5",
  lock: "M5 9h10v8H5z|M7 9V6.5a3 3 0 0 1 6 0V9",
  close: "M5 5l10 10|M15 5 5 15",
  send: "M3 10 17 3.5 13 17l-3.5-5.5z|M9.5 11.5 17 3.5",
  eye: "M2 10s3-5.5 8-5.5S18 10 18 10s-3 5.5-8 5.5S2 10 2 10z|M10 7.7a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6z",
  reply: "M4 5h12v8.5H9L5.5 17v-3.5H4z|M7.5 9.3h5",
  link: "M8.5 11.5l3-3|M9.5 6.5l2-2a2.8 2.8 0 0 1 4 4l-2 2|M10.5 13.5l-2 2a2.8 2.8 0 0 1-4-4l2-2",
  cloud: "M6 15.5a3.5 3.5 0 0 1-.4-6.98A4.8 4.8 0 0 1 15 8.7a3.4 3.4 0 0 1-.6 6.8z",
  chevron: "M7.5 5l5 5-5 5",
  check: "M4 10.5l4 4 8-9",
  down: "M10 4v11|M5 10.5l5 5 5-5",
  menu: "M3 6h14|M3 10h14|M3 14h14",
  home: "M3.5 9.5 10 4l6.5 5.5|M5.5 8.5V16h9V8.5|M8.5 16v-4h3v4",
  route: "M4 6h3.5c4 0 2.5 8 6.5 8h2|M4 14h2.5|M13.5 6H16",
  trash: "M4 6h12|M8 6V4h4v2|M5.5 6l.8 10.5h7.4L14.5 6|M8.7 9v4.5|M11.3 9v4.5",
  plus: "M10 4.5v11|M4.5 10h11",
  bolt: "M11 2.5 4.5 11.5H9.5L8.5 17.5 15.5 8.5H10.5z",
  play: "M6.5 4.5v11l9-5.5z",
  warn: "M10 3.5 17.5 16.5H2.5z|M10 8.3v4|M10 14.2v.3",
  globe: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14z|M3 10h14|M10 3c4.5 4.5 4.5 9.5 0 14-4.5-4.5-4.5-9.5 0-14z",
};

/**
 * Make `parent`'s children one node per item, in order; unchanged nodes are never moved.
 * `remove` may let a node linger where it was; it takes it away in the end.
 * @template T
 * @param {any} parent
 * @param {T[]} items
 * @param {{ key: (item: T) => string, create: (item: T) => any, update?: (node: any, item: T) => void,
 *   remove?: (node: any) => void }} how
 */
export function keyed(parent, items, { key, create, update, remove }) {
  const nodes = (parent.keyedNodes ??= new Map());
  const wanted = new Set(items.map(key));
  for (const [k, node] of nodes) {
    if (wanted.has(k)) continue;
    nodes.delete(k);
    if (remove) {
      node.leaving = true;
      remove(node);
    } else node.remove();
  }
  let cursor = parent.firstChild;
  for (const item of items) {
    while (cursor?.leaving) cursor = cursor.nextSibling;
    let node = nodes.get(key(item));
    if (!node) nodes.set(key(item), (node = create(item)));
    update?.(node, item);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
  }
}

/** Rebuild only the children whose value changed: `values` are JSON, compared by position. */
export function slots(parent, values, build) {
  const texts = values.map((v) => JSON.stringify(v));
  const old = parent.slotTexts ?? [];
  texts.forEach((text, i) => {
    if (text === old[i]) return;
    const node = build(values[i], i);
    if (parent.children[i]) swap(parent.children[i], node);
    else parent.append(node);
  });
  while (parent.children.length > texts.length) swap(parent.lastElementChild, null);
  parent.slotTexts = texts;
}

/** Replace a node; focus inside it goes to the same control, or stays at its container. */
function swap(old, fresh) {
  const active = /** @type {HTMLElement} */ (document.activeElement);
  const held = old.contains(active) ? active.dataset.testid ?? "" : null;
  const home = held === null ? null : old.parentElement.closest("[tabindex]");
  if (fresh) old.replaceWith(fresh);
  else old.remove();
  if (held === null) return;
  const twin = held && fresh?.querySelector(`[data-testid="${CSS.escape(held)}"]`);
  (twin || home)?.focus({ preventScroll: true });
}

/** Set a property only where it differs: no needless work, no lost selection. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A part of the page that index.html has. */
export const part = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Tell people who listen instead of look. */
export function announce(text) {
  part("live").textContent = text;
}
