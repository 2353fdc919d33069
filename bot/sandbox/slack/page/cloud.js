// The panel on the right: what is true in the cloud, beside what the chat says about it.
// Bot process, connections, recent API calls, faults to switch on.

import { drawConnections } from "./connections.js";
import { clockSeconds } from "./dates.js";
import { closeButton } from "./dialog.js";
import { h, icon, keyed, setText } from "./dom.js";
import { explain, note, panels, post, store } from "./state.js";

const connections = h("ul", { class: "connections" });
const calls = h("ol", { class: "calls", "aria-label": "Recent API calls" });
const faults = h("div", { class: "faults" });
const bot = { dot: h("i", { class: "alive" }), text: h("span", { testid: "bot-status" }) };
const trouble = h("p", { class: "trouble", role: "alert", testid: "bot-trouble", hidden: true });
const noCalls = h("p", { class: "quiet" }, "No calls yet.");
const faultCount = h("span", { class: "count", hidden: true });

let root = null;

/** Put the panel's parts into the page, once. */
export function mountCloud(node) {
  root = node;
  bot.kill = botButton("kill", "Kill -9", "bolt", "Kill the bot's process at once, as a crash would");
  bot.start = botButton("start", "Start", "play", "Start the bot's process again");
  root.append(
    h(
      "header",
      { class: "head" },
      h(
        "div",
        { class: "head-title" },
        h("h2", null, icon("cloud"), "Cloud"),
        h("span", { class: "about" }, "live"),
      ),
      closeButton("Close the cloud panel", () => panels.toggle("cloud"), "cloud-close"),
    ),
    h("section", { class: "bot", "aria-label": "Bot process" }, bot.dot, bot.text, h("span", { class: "bot-buttons" }, bot.kill, bot.start), trouble),
    h(
      "div",
      { class: "cloud-scroll", tabindex: "0", role: "region", "aria-label": "Connections" },
      connections,
    ),
    h(
      "details",
      { class: "fold", open: true },
      h("summary", { testid: "calls" }, "API calls"),
      h("div", { class: "calls-box", tabindex: "0", role: "region", "aria-label": "API calls" }, noCalls, calls),
    ),
    h("details", { class: "fold" }, h("summary", { testid: "faults" }, "Faults", faultCount), faults),
  );
}

function botButton(op, text, sign, title) {
  const onclick = () => run("bot", { op }, `Bot ${op}`);
  return h("button", { class: "mini", type: "button", testid: `bot-${op}`, title, onclick }, icon(sign), text);
}

/** Post a verb of the panel; a refusal is told in the channel. */
async function run(verb, body, what) {
  const answer = await post(verb, body);
  if (!answer.ok) note(explain(what, answer.error));
}

export function drawCloud() {
  const { cloud, app } = store.data;
  root.hidden = !panels.cloud;
  bot.dot.classList.toggle("on", app.alive);
  setText(bot.text, app.alive ? "Bot is running" : "Bot is not running");
  trouble.hidden = !app.trouble;
  setText(trouble, app.trouble);
  bot.kill.disabled = !app.alive;
  bot.start.disabled = app.alive;
  if (!panels.cloud) return;
  drawConnections(connections, cloud?.connections ?? [], (body, what) => run("cloud", body, what));
  drawCalls(cloud?.calls ?? []);
  drawFaults(cloud?.faults ?? []);
}

function drawCalls(rows) {
  noCalls.hidden = rows.length > 0;
  const seen = new Map();
  const named = [...rows].reverse().map((call) => {
    const text = JSON.stringify(call);
    seen.set(text, (seen.get(text) ?? 0) + 1);
    return { ...call, key: `${text} ${seen.get(text)}` };
  });
  keyed(calls, named.reverse(), { key: (c) => c.key, create: callRow });
}

function callRow(call) {
  const ok = /^(ok|200)?$/i.test(String(call.code ?? ""));
  return h(
    "li",
    { class: ok ? "call" : "call bad", title: `${call.action}\n${call.summary}` },
    h("time", null, clockSeconds(call.at)),
    h("b", null, call.action),
    h("span", { class: "code" }, ok ? "OK" : String(call.code)),
    h("span", { class: "summary" }, call.summary),
  );
}

function drawFaults(rows) {
  const on = rows.filter((f) => f.active).length;
  faultCount.hidden = on === 0;
  setText(faultCount, String(on));
  keyed(faults, rows, {
    key: (f) => f.name,
    create: (f) => {
      const toggle = (event) => run(
        "cloud",
        { op: "fault", name: f.name, on: event.currentTarget.getAttribute("aria-checked") !== "true" },
        f.label,
      );
      return h(
        "button",
        { class: "fault", type: "button", role: "switch", testid: `fault-${f.name}`, onclick: toggle },
        h("i"),
        h("span", null, h("b", null, f.label), h("small", null, f.about)),
      );
    },
    update: (node, f) => {
      node.setAttribute("aria-checked", String(f.active));
    },
  });
}
