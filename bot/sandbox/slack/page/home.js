// App Home: the view that the app publishes for this person, again and again as things change.

import { actionEnv } from "./actions.js";
import { avatar } from "./avatar.js";
import { h, slots } from "./dom.js";
import { post, store } from "./state.js";
import { drawBlocks, forgetBlocks } from "./views.js";

const NOTHING = {
  type: "context",
  block_id: "nothing",
  elements: [{ type: "mrkdwn", text: "_The app has nothing to show here yet._" }],
};

/** The pane, and `draw(visible)`; opening it tells the app, once for each visit. */
export function homeView() {
  const env = actionEnv("home_click", () => ({ view_id: store.data.home?.view_id }));
  const face = h("div", { class: "home-head" });
  const body = h("div", { class: "home-body" });
  const node = h(
    "div",
    { class: "home", testid: "home-view", tabindex: "-1" },
    h("div", { class: "home-page" }, face, body),
  );
  let visiting = "";

  const draw = (visible) => {
    const visit = visible ? store.me : "";
    if (visit && visit !== visiting) post("home_opened", { user: store.me });
    if (visit !== visiting) forgetBlocks(body);
    visiting = visit;
    if (!visible) return;
    slots(face, [store.data.app, 0], (app) => (app ? avatar(app.user, "large") : title()));
    const { view, state } = store.data.home ?? {};
    drawBlocks(body, view?.blocks.length ? view.blocks : [NOTHING], state, env);
  };
  return { node, draw };
}

function title() {
  const { name } = store.data.app;
  return h("div", null, h("h2", null, name), h("p", { class: "about" }, "Only you see this page"));
}
