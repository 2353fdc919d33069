// Where the options of a select come from: its own list, the app (verb `options`), or the
// workspace. Each gives `{ groups, note }` for what is typed.

import { channel, person, post, store } from "./state.js";

const LEAST_CHARACTERS = 3;

/** `find(typed)` for an element; `slow` where it asks the app. */
export function optionsFor(block, e, env) {
  const kind = e.type.replace("multi_", "");
  if (kind === "external_select") return { slow: true, find: (typed) => ask(block, e, env, typed) };
  const all = { users_select: people, channels_select: conversations, conversations_select: conversations }[kind];
  return { slow: false, find: (typed) => matching((all ?? own)(e), typed) };
}

/** An option for a person or a conversation that is known by its id. */
export function optionOf(id) {
  const name = person(id)?.real_name ?? nameOf(channel(id)) ?? id;
  return { text: { type: "plain_text", text: name }, value: id };
}

function nameOf(c) {
  return c && (c.dm ? c.name : `#${c.name}`);
}

function own(e) {
  return e.option_groups?.map((g) => ({ label: g.label.text, options: g.options })) ?? [{ options: e.options ?? [] }];
}

function people() {
  return [{ options: store.data.people.map((p) => optionOf(p.id)) }];
}

/** Those that the element's `filter` lets through; archived ones can't be chosen. */
function conversations(e) {
  const filter = e.filter ?? {};
  const kinds = e.type.endsWith("channels_select") ? ["public"] : filter.include;
  const kindOf = (c) => (c.dm && "im") || (c.private ? "private" : "public");
  const shown = store.data.channels.filter((c) => !c.archived
    && (!kinds || kinds.includes(kindOf(c)))
    && !(filter.exclude_external_shared_channels && c.shared)
    && !(filter.exclude_bot_users && c.dm && c.name === store.data.app.name));
  return [{ options: shown.map((c) => optionOf(c.id)) }];
}

function matching(groups, typed) {
  const wanted = typed.trim().toLowerCase();
  const fits = (o) => `${o.text.text} ${o.description?.text ?? ""}`.toLowerCase().includes(wanted);
  const found = groups.map((g) => ({ ...g, options: g.options.filter(fits) })).filter((g) => g.options.length);
  return { groups: found, note: found.length ? "" : "No results" };
}

async function ask(block, e, env, typed) {
  const least = e.min_query_length ?? LEAST_CHARACTERS;
  if (typed.length < least) {
    return { groups: [], note: least === 1 ? "Type to search" : `Type at least ${least} characters` };
  }
  const { view_id } = env.place();
  const answer = await post("options", {
    user: store.me, view_id, block_id: block.block_id, action_id: e.action_id, value: typed,
  });
  if (!answer.ok) return { groups: [], note: `Nothing could be loaded (${answer.error})` };
  return { groups: answer.groups, note: answer.groups.some((g) => g.options.length) ? "" : "No results" };
}
