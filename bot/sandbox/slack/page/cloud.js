// The panel on the right: what is true in the cloud, beside what the chat says about it.
// Bot process, connections, recent API calls, faults to switch on. Of a connection: its state, running
// task, tunnels, routes; and what "somebody else" may do to them. A click on a route writes the
// command that deletes it.

import { clockSeconds } from "./dates.js";
import { closeButton } from "./dialog.js";
import { h, icon, keyed, setText } from "./dom.js";
import { explain, note, panels, post, store } from "./state.js";
import { inserter } from "./tryit.js";

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

/** A row for a tunnel; `run(body, what)` posts a verb of the cloud. */
function tunnelRow(connection, tunnel, run) {
  const target = { connection, tunnel };
  const row = h("li", { class: "tunnel", testid: `tunnel-${tunnel}` });
  const turn = (isUp, onlyBgp) => {
    const what = isUp
      ? { op: "break_tunnel", ...target, only_bgp: onlyBgp }
      : { op: "mend_tunnel", ...target };
    run(what, isUp ? "Cutting the tunnel" : "Mending the tunnel");
  };
  const bgp = h("button", {
    class: "session",
    type: "button",
    testid: `bgp-${tunnel}`,
    onclick: () => turn(row.tunnel.bgp_up, true),
  }, "BGP");
  const cut = h("button", {
    class: "icon-btn steal",
    type: "button",
    testid: `cut-${tunnel}`,
    onclick: () => turn(row.tunnel.up, false),
  });
  row.append(h("i", { class: "lamp" }), h("code", { title: tunnel }, tunnel), h("span"), bgp, cut);
  return row;
}

function updateTunnel(row, t) {
  const first = !row.tunnel;
  const turned = first || row.tunnel.up !== t.up;
  row.tunnel = t;
  row.classList.toggle("down", !t.up);
  setText(row.querySelector("span"), t.up ? "up" : "down");
  const [bgp, cut] = row.querySelectorAll("button");
  bgp.classList.toggle("down", !t.bgp_up);
  name(bgp, t.bgp_up ? `End the BGP session over ${t.id}` : `BGP over ${t.id} is down: mend the tunnel`);
  name(cut, t.up ? `Cut tunnel ${t.id}` : `Mend tunnel ${t.id}`);
  if (turned) cut.replaceChildren(icon(t.up ? "bolt" : "link"));
}

function name(button, text) {
  button.title = text;
  button.setAttribute("aria-label", text);
}

const LEAVE_MS = 900;
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const GOOD = new Set(["attached", "active"]);
const MOVING = new Set(["updating", "attaching", "provisioning", "init", "upgrading", "detaching"]);

/** Draw all connections; `run(body, what)` posts a verb of the cloud. */
function drawConnections(list, connections, run) {
  keyed(
    list,
    connections,
    { key: (c) => c.id, create: (c) => card(c, run), update: (node, c) => updateCard(node, c, run) },
  );
}

function card(c, run) {
  const parts = {
    name: h("b"),
    state: h("span", { testid: `state-${c.id}` }),
    id: h("code"),
    about: h("span", { class: "where" }),
    note: h("p", { class: "note" }),
    task: h("p", { class: "task", role: "status" }),
    tunnels: h("ul", { class: "tunnels", "aria-label": "Tunnels" }),
    routes: h("ul", { class: "routes" }),
  };
  const title = h("div", { class: "conn-title" }, parts.name, parts.state);
  const ids = h("div", { class: "conn-id" }, parts.id, parts.about);
  const node = h(
    "li",
    { class: "conn", testid: `connection-${c.id}` },
    title,
    ids,
    parts.note,
    parts.task,
    parts.tunnels,
    parts.routes,
    adder(c, run),
  );
  return Object.assign(node, { parts });
}

function updateCard(node, c, run) {
  const { name, state, id, about, note, task, tunnels, routes } = node.parts;
  setText(name, c.name || c.id);
  setText(state, c.state);
  state.className = `pill ${pillOf(c.state)}`;
  setText(id, c.id);
  setText(about, c.attach_type && c.attach_type !== "CEN" ? `${c.region} · ${c.attach_type}` : c.region);
  setText(note, c.note ?? "");
  setText(task, c.task ?? "");
  node.classList.toggle("works", Boolean(c.task));
  keyed(tunnels, c.tunnels ?? [], {
    key: (t) => t.id,
    create: (t) => tunnelRow(c.id, t.id, run),
    update: updateTunnel,
  });
  keyed(routes, c.routes, {
    key: (r) => `${r.dest} ${r.weight} ${r.next_hop}`,
    create: (r) => routeRow(c, r, run),
    update: (row, r) => updateRoute(row, c, r),
    remove: leave,
  });
}

function pillOf(state) {
  if (GOOD.has(state)) return "good";
  return MOVING.has(state) ? "moving" : "bad";
}

function routeRow(c, r, run) {
  const target = { connection: c.id, dest: r.dest, weight: r.weight };
  const gone = () => run({ op: "delete_route", ...target }, "Deleting the route");
  const insert = h(
    "button",
    {
      class: "route",
      type: "button",
      title: "Write the command that deletes this route",
      onclick: () => insertDelete(c, r),
    },
    h("code", null, r.dest), h("span", { class: "weight" }), h("span", { class: "kind" }),
  );
  const steal = h(
    "button",
    {
      class: "icon-btn steal",
      type: "button",
      title: "Someone else deletes this route",
      testid: `route-delete-${c.id}-${r.dest}-${r.weight}`,
      onclick: gone,
    },
    icon("trash"),
  );
  steal.setAttribute("aria-label", `Someone else deletes ${r.dest}`);
  return h("li", { testid: `route-${c.id}-${r.dest}-${r.weight}` }, insert, steal);
}

function updateRoute(row, c, r) {
  setText(row.querySelector(".weight"), `w ${r.weight}`);
  const kind = row.querySelector(".kind");
  setText(kind, r.kind);
  kind.classList.toggle("bgp", r.kind === "bgp");
  const other = r.next_hop && r.next_hop !== c.id ? `, next hop ${r.next_hop}` : "";
  const what = `weight ${r.weight}${other}, ${r.state || "no state"}`;
  row.querySelector(".route").title = `Write the command that deletes this route (${what})`;
  row.classList.toggle("odd", Boolean(r.state) && !/^(published|active|normal)$/i.test(r.state));
}

/** A route that is gone is struck through for a moment; it is no longer a route to tests. */
function leave(node) {
  if (CALM.matches) return node.remove();
  delete node.dataset.testid;
  node.classList.add("gone");
  node.inert = true;
  setTimeout(() => node.remove(), LEAVE_MS);
}

function insertDelete(c, r) {
  const command = store.data.commands[0]?.command ?? "/vco-route";
  const [first] = store.data.cloud?.connections ?? [];
  const twin = c.routes.filter((other) => other.dest === r.dest).length > 1;
  const flags = [twin && `--weight ${r.weight}`, c.region !== first?.region && `--region ${c.region}`];
  const line = [`${command} delete ${c.id} ${r.dest}`, ...flags, '--reason ""'].filter(Boolean).join(" ");
  inserter.insert(line, line.length - 1);
}

function adder(c, run) {
  const dest = h(
    "input",
    { type: "text", placeholder: "10.0.0.0/16", "aria-label": "Destination", class: "add-dest" },
  );
  const weight = h("select", { "aria-label": "Weight" }, h("option", null, "100"), h("option", null, "0"));
  const form = h("form", { class: "add" }, dest, weight, h("button", { class: "mini", type: "submit" }, "Add"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(
      { op: "add_route", connection: c.id, dest: dest.value.trim(), weight: Number(weight.value) },
      "Adding the route",
    );
    dest.value = "";
  });
  return h("details", { class: "adder" }, h("summary", null, icon("plus"), "Someone adds a route"), form);
}
