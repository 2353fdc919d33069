// The tunnels of a connection in the cloud panel, and the two ways to cut one.

import { h, icon, setText } from "./dom.js";

/** A row for a tunnel; `run(body, what)` posts a verb of the cloud. */
export function tunnelRow(connection, tunnel, run) {
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

export function updateTunnel(row, t) {
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
