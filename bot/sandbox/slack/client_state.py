"""The state of one person's client, as the page draws it, and what its runner lends it."""

from collections.abc import Awaitable, Callable

import msgspec

from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.reading import Reader
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import Channel, Json, Person, Workspace


class Hooks(msgspec.Struct):
    """What the one who runs the page lends it: the cloud beside it, and the bot's process."""

    cloud: Callable[[], Json] | None = None
    on_cloud: Callable[[Json], Awaitable[None] | None] | None = None
    on_bot: Callable[[str], Awaitable[None] | None] | None = None
    bot_alive: Callable[[], bool] = lambda: True


def client_state(reader: Reader, hooks: Hooks, user: str) -> Json:
    """The whole state of this person's client."""
    workspace, app = reader.workspace, reader.workspace.app
    mine = [c for c in workspace.channels.values() if _visible(workspace, user, c)]
    return {
        "me": _person(workspace.people[user]),
        "people": [_person(person) for person in workspace.people.values() if person.human],
        "app": {"user": app.user, "name": app.name, "alive": hooks.bot_alive()},
        "channels": [_channel(workspace, user, channel) for channel in mine],
        "messages": {c.id: _messages(reader.state.in_channel(c.id, user), app.user) for c in mine},
        "modal": _modal(reader.modal(user)),
        "home": _view(reader.state.homes.get(user)),
        "usergroups": {
            group.id: {"handle": group.handle, "users": group.users}
            for group in workspace.groups.values()
        },
        "commands": [
            {
                "command": known.command,
                "usage_hint": known.usage_hint,
                "description": known.description,
            }
            for known in app.commands
        ],
        "shortcuts": [msgspec.to_builtins(known) for known in app.shortcuts],
        "cloud": hooks.cloud() if hooks.cloud else None,
        "now": reader.state.clock(),
    }


def _visible(workspace: Workspace, user: str, channel: Channel) -> bool:
    if user in channel.members:
        return True
    return not (channel.private or channel.dm or workspace.people[user].stranger)


def _person(person: Person) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "title": person.title,
        "color": person.color,
        "guest": person.guest or person.stranger,
    }


def _channel(workspace: Workspace, user: str, channel: Channel) -> Json:
    others = [workspace.people[member] for member in channel.members if member != user]
    return {
        "id": channel.id,
        "name": others[0].name if channel.dm and others else channel.name,
        "private": channel.private,
        "shared": channel.shared,
        "archived": channel.archived,
        "bot_member": workspace.app.user in channel.members,
        "dm": channel.dm,
    }


def _modal(view: View | None) -> Json | None:
    shown = _view(view)
    if view is None or shown is None:
        return None
    return {
        **shown,
        "errors": view.errors,
        "busy": view.busy,
        "pushed": bool(view.previous),
    }


def _view(view: View | None) -> Json | None:
    if view is None:
        return None
    return {"view_id": view.id, "hash": view.hash, "view": view.view, "state": view.state}


def _messages(found: list[Message], bot: str) -> list[Json]:
    replies: dict[str, list[str]] = {}
    for message in found:
        if message.reply and message.thread_ts:
            replies.setdefault(message.thread_ts, []).append(message.ts)
    return [_shown(message, replies.get(message.ts, []), bot) for message in found]


def _shown(message: Message, replies: list[str], bot: str) -> Json:
    return {
        "ts": message.ts,
        "user": message.user,
        "bot": message.user == bot,
        "text": message.text,
        "blocks": message.blocks,
        "ephemeral": bool(message.ephemeral_to),
        # Slack shows "(edited)" only where an app edits plain text.
        "edited": bool(message.edited_ts) and not message.blocks,
        "thread_ts": message.thread_ts,
        "reply_count": len(replies),
        "last_reply_ts": replies[-1] if replies else None,
        "deleted": message.deleted,
    }
