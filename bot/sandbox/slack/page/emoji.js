// Emoji shortcodes → nodes. The symbols that status messages lean on are drawn here, so that
// they look the same (and exist) on every machine; the others are the system's characters.

const SVG = "http://www.w3.org/2000/svg";
const WHITE = { stroke: "#fff", "stroke-width": "2.2", "stroke-linecap": "round", fill: "none" };

const badge = (fill) => ["rect", { x: 1, y: 1, width: 18, height: 18, rx: 4.5, fill }];
const dot = (fill) => [["circle", { cx: 10, cy: 10, r: 8.5, fill }]];
const path = (d, attributes) => ["path", { d, ...attributes }];

const GLASS = [
  path("M5 2.5h10M5 17.5h10", { stroke: "#a0642c", "stroke-width": 2.4, "stroke-linecap": "round" }),
  path("M6 3.5h8v2.8L11 10l3 3.7v2.8H6v-2.8L9 10 6 6.3z", { fill: "#d9ecf7", stroke: "#8fb3c9" }),
];

const DRAWN = {
  white_check_mark: [badge("#2f9e5b"), path("M5.5 10.5l3 3 6-7", WHITE)],
  heavy_check_mark: [path("M4 10.5l4 4 8-9", { ...WHITE, stroke: "#2f9e5b", "stroke-width": 3 })],
  x: [path("M5 5l10 10M15 5 5 15", { ...WHITE, stroke: "#dd2e44", "stroke-width": 3.4 })],
  no_entry: [["circle", { cx: 10, cy: 10, r: 8.5, fill: "#dd2e44" }], path("M5.5 10h9", { ...WHITE, "stroke-width": 3 })],
  no_entry_sign: [["circle", { cx: 10, cy: 10, r: 7.3, fill: "none", stroke: "#dd2e44", "stroke-width": 2.6 }], path("M5 5l10 10", { ...WHITE, stroke: "#dd2e44" })],
  warning: [
    path("M10 2.5 18.5 17.5H1.5z", { fill: "#ffcc4d", stroke: "#ffcc4d", "stroke-width": 2, "stroke-linejoin": "round" }),
    path("M10 7.5v5M10 15.2v.2", { ...WHITE, stroke: "#3b2f0b" }),
  ],
  hourglass_flowing_sand: [...GLASS, path("M7.3 6h5.4L10 9.3zM7 16l3-3.2 3 3.2z", { fill: "#f2b544" })],
  hourglass: [...GLASS, path("M6.8 16v-1.5l3.2-2.7 3.2 2.7V16z", { fill: "#f2b544" })],
  eyes: [
    ["ellipse", { cx: 5.6, cy: 10, rx: 3.8, ry: 6, fill: "#fff", stroke: "#9aa5b1" }],
    ["ellipse", { cx: 14.4, cy: 10, rx: 3.8, ry: 6, fill: "#fff", stroke: "#9aa5b1" }],
    ["circle", { cx: 4.6, cy: 11, r: 2, fill: "#29323a" }],
    ["circle", { cx: 13.4, cy: 11, r: 2, fill: "#29323a" }],
  ],
  lock: [
    path("M6.5 9V6.5a3.5 3.5 0 0 1 7 0V9", { ...WHITE, stroke: "#9aa5b1" }),
    ["rect", { x: 4, y: 8.5, width: 12, height: 9, rx: 2, fill: "#f2b544" }],
    path("M10 12v2", { ...WHITE, stroke: "#6b4a0c" }),
  ],
  information_source: [badge("#3b82c4"), path("M10 9.5v5M10 5.8v.2", WHITE)],
  question: [path("M6.8 7a3.2 3.2 0 1 1 4.6 3c-1 .5-1.4 1-1.4 2.2M10 15.8v.2", { ...WHITE, stroke: "#dd2e44", "stroke-width": 2.8 })],
  red_circle: dot("#dd2e44"),
  large_green_circle: dot("#4fa75a"),
  large_yellow_circle: dot("#f2b544"),
  large_blue_circle: dot("#3b82c4"),
  white_circle: dot("#c9d1d8"),
  arrows_counterclockwise: [badge("#3b82c4"), path("M14.5 8.5A4.8 4.8 0 0 0 6 7.5M5.8 4.8v3h3M5.5 11.5a4.8 4.8 0 0 0 8.5 1M14.2 15.2v-3h-3", { ...WHITE, "stroke-width": 1.7 })],
  rewind: [badge("#3b82c4"), path("M10 5.5 5 10l5 4.5zM15.5 5.5l-5 4.5 5 4.5z", { fill: "#fff" })],
};

const ALIAS = { heavy_multiplication_x: "x", leftwards_arrow_with_hook: "rewind", closed_lock_with_key: "lock", green_circle: "large_green_circle", yellow_circle: "large_yellow_circle" };

/** What a character that the system's fonts may lack is called. */
const CHARACTERS = { "✅": "white_check_mark", "⚠️": "warning", "⚠": "warning", "⏳": "hourglass_flowing_sand", "⌛": "hourglass", "❌": "x", "👀": "eyes", "🔒": "lock", "ℹ️": "information_source", "⛔": "no_entry", "🚫": "no_entry_sign", "🔴": "red_circle", "🟢": "large_green_circle", "🟡": "large_yellow_circle", "❓": "question", "🔄": "arrows_counterclockwise" };

const TEXT = { rocket: "🚀", tada: "🎉", "+1": "👍", thumbsup: "👍", wave: "👋", bell: "🔔", robot_face: "🤖", fire: "🔥", mag: "🔍", clock1: "🕐", stopwatch: "⏱️", memo: "📝", link: "🔗", point_right: "👉", rotating_light: "🚨", wastebasket: "🗑️", calendar: "📅", gear: "⚙️", bust_in_silhouette: "👤", zap: "⚡" };

export const EMOJI_CHARACTER = new RegExp(Object.keys(CHARACTERS).join("|"), "y");

/** The node for a shortcode without its colons, null when it is none that we know. */
export function emoji(name) {
  const known = ALIAS[name] ?? name;
  if (Object.hasOwn(DRAWN, known)) return draw(known, `:${name}:`);
  return Object.hasOwn(TEXT, known) ? document.createTextNode(TEXT[known]) : null;
}

/** The node for a character matched by EMOJI_CHARACTER. */
export function emojiCharacter(character) {
  return draw(CHARACTERS[character], character);
}

function draw(name, label) {
  const svg = element("svg", { viewBox: "0 0 20 20", class: "emoji", role: "img", "aria-label": label });
  const title = element("title", {});
  title.textContent = `:${name}:`;
  svg.append(title, ...DRAWN[name].map(([tag, attributes]) => element(tag, attributes)));
  return svg;
}

function element(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
