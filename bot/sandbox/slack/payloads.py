"""The payloads that Slack sends, in its shapes: commands, clicks, submissions, events.

Sources: docs.slack.dev/reference/interaction-payloads,
docs.slack.dev/interactivity/implementing-slash-commands.
"""

import re
import secrets

from bot.sandbox.slack.messages import Message, as_api
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View, view_as_api
from bot.sandbox.slack.workspace import Channel, Json, Workspace

VERIFICATION_TOKEN = "local-verification"  # noqa: S105 - the deprecated field; nobody checks it


def escape(text: str) -> str:
    """Slack's own escapes of control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def command_text(workspace: Workspace, typed: str) -> str:
    """What the app receives for what was typed: escaped, and mentions as the manifest asks."""
    text = escape(typed)
    if not workspace.app.should_escape:
        return text
    names = {f"@{p.name}": f"<@{p.id}|{p.name}>" for p in workspace.people.values()}
    names |= {f"@{g.handle}": f"<!subteam^{g.id}|@{g.handle}>" for g in workspace.groups.values()}
    names |= {f"#{c.name}": f"<#{c.id}|{c.name}>" for c in workspace.channels.values() if c.name}
    text = re.sub(r"https?://[^\s\"'|]+", lambda found: f"<{found[0]}>", text)
    return re.sub(r"(?<![\w<])[@#][\w-]+", lambda found: names.get(found[0], found[0]), text)


def command(  # noqa: PLR0913 - the parts of what somebody typed
    state: State, user: str, channel: Channel, *, name: str, text: str, response_url: str
) -> Json:
    """The form fields of a slash command."""
    workspace = state.workspace
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.people[user].acts_in or workspace.team,
        **({"enterprise_id": workspace.enterprise} if workspace.enterprise else {}),
        "team_domain": workspace.domain,
        "channel_id": channel.id,
        "channel_name": _channel_name(channel),
        "user_id": user,
        "user_name": workspace.people[user].name,
        "command": name,
        "text": command_text(workspace, text),
        "api_app_id": workspace.app.id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": state.new_trigger(user, channel),
    }


def message_action(state: State, user: str, message: Message, action: Json) -> Json:
    """The block_actions payload of a click in a message.

    An ephemeral message is not in its payload, only its container is.
    """
    channel = state.workspace.channels[message.channel]
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": bool(message.ephemeral_to),
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    url, _ = state.new_hook(user, message.channel, message.ts)
    payload = {
        **_interaction(state, user, "block_actions", channel),
        "container": container,
        "channel": {"id": channel.id, "name": _channel_name(channel)},
        "state": {"values": {}},
        "response_url": url,
        "actions": [action],
    }
    if not message.ephemeral_to:
        payload["message"] = as_api(message, state.workspace)
    return payload


def view_action(state: State, view: View, action: Json) -> Json:
    """The block_actions payload of a click in a modal or a Home tab."""
    return {
        **_interaction(state, view.user, "block_actions", view.viewing),
        "container": {"type": "view", "view_id": view.id},
        "view": view_as_api(view, state.workspace),
        "actions": [action],
    }


def view_submission(state: State, view: View) -> Json:
    """The payload of a modal's submit button."""
    return {
        **_interaction(state, view.user, "view_submission", view.viewing),
        "view": view_as_api(view, state.workspace),
        "response_urls": [],
    }


def suggestion(state: State, view: View, found: tuple[Json, Json], typed: str) -> Json:
    """The payload that asks for the options of a search in a modal.

    It does not say what stands in the other fields (slackapi/bolt-js#1146).
    """
    block, element = found
    payload = {
        **_interaction(state, view.user, "block_suggestion"),
        "container": {"type": "view", "view_id": view.id},
        "view": view_as_api(view, state.workspace) | {"state": {"values": {}}},
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "value": typed,
    }
    del payload["trigger_id"]
    return payload


def shortcut(state: State, user: str, callback_id: str, viewing: Channel | None = None) -> Json:
    """The payload of a global shortcut: it names no channel, only its trigger knows one."""
    return {
        **_interaction(state, user, "shortcut", viewing),
        "callback_id": callback_id,
        "action_ts": state.new_ts(),
    }


def action_of(state: State, block: Json, element: Json, chosen: Json) -> Json:
    """One entry of `actions`: the element as it was used."""
    shown = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": state.new_ts(),
        **chosen,
    }
    for key in ("text", "style"):
        if key in element:
            shown[key] = element[key]
    return shown


def event(state: State, inner: Json) -> Json:
    """The event_callback around an event."""
    workspace = state.workspace
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team,
        "api_app_id": workspace.app.id,
        "type": "event_callback",
        "event": inner,
        "event_id": f"Ev0{secrets.token_hex(5).upper()}",
        "event_time": int(state.clock()),
        "is_ext_shared_channel": False,
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team,
                "user_id": workspace.app.user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
    }


def home_opened(state: State, user: str) -> Json:
    """The app_home_opened event of a person who opened the app's Home tab."""
    home = state.homes.get(user)
    inner: Json = {
        "type": "app_home_opened",
        "user": user,
        "channel": state.workspace.dm_of(user).id,
        "tab": "home",
        "event_ts": state.new_ts(),
    }
    if home is not None:
        inner["view"] = view_as_api(home, state.workspace)
    return event(state, inner)


def _interaction(state: State, user: str, kind: str, viewing: Channel | None = None) -> Json:
    workspace = state.workspace
    person = workspace.people[user]
    return {
        "type": kind,
        "team": {"id": person.acts_in or workspace.team, "domain": workspace.domain},
        "user": {
            "id": user,
            "username": person.name,
            "name": person.name,
            "team_id": person.acts_in or person.team,
        },
        "api_app_id": workspace.app.id,
        "token": VERIFICATION_TOKEN,
        "trigger_id": state.new_trigger(user, viewing),
        "enterprise": {"id": workspace.enterprise} if workspace.enterprise else None,
        "is_enterprise_install": False,
    }


def _channel_name(channel: Channel) -> str:
    if channel.dm:
        return "directmessage"
    if channel.group_dm:
        return f"mpdm-{channel.name}"
    return "privategroup" if channel.private else channel.name
