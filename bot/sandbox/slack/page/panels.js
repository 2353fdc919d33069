// Which panels are open, and how that shows on the page's frame. The cloud panel's choice is
// remembered; on narrow pages the sidebar and the cloud are drawers above the channel.

import { changed, store } from "./state.js";

const KEY = "cloud-panel";
const ROOMY = matchMedia("(min-width: 1024px)");

export const panels = {
  cloud: ROOMY.matches && localStorage.getItem(KEY) !== "closed",
  sidebar: false,
  toggle,
};

function toggle(name) {
  panels[name] = !panels[name];
  if (name === "cloud" && ROOMY.matches) localStorage.setItem(KEY, panels.cloud ? "open" : "closed");
  changed();
}

/** The frame's classes follow the panels, the place and the connection. */
export function drawFrame() {
  const app = document.getElementById("app");
  app.classList.toggle("with-cloud", panels.cloud);
  app.classList.toggle("with-sidebar", panels.sidebar);
  app.classList.toggle("with-thread", Boolean(store.place.thread));
  const banner = document.getElementById("banner");
  banner.hidden = !store.stopped;
  const text = "The sandbox has stopped. Start it again and this page goes on by itself.";
  if (store.stopped && banner.textContent !== text) banner.textContent = text;
}
