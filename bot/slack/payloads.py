"""What all of Slack's payloads have in common: who, where, and what identifies them.

Each behaviour reads its own rest of them. Of a click only who clicked which button where is
believed, and of the button only its value.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from bot.models import Value
from bot.slack.budget import Priority
from bot.slack.payload import Body, Json
from bot.slack.payload import part as _dict
from bot.slack.payload import word as _text


class InboxItem(Value, frozen=True, tag_field="type"):
    """A payload as it is stored until it is handled: what `user` did in `channel`.

    `response_url` answers them privately. `at_home`: they did it in their App Home, or in a form
    that was opened there. `said_at`: when they did it, see `bot.slack.said`; 0 where an earlier
    version took it, which did not say.
    """

    awaited: ClassVar[bool] = True
    """Whether its sender waits for an answer."""
    priority: ClassVar[Priority] = Priority.ANSWER
    """How urgent it is what is looked up to handle it."""

    user: str
    channel: str = ""
    response_url: str = ""
    at_home: bool = False
    said_at: float = 0.0


_AT_HOME = "home"
_IN_CHANNEL = "channel"

CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,30}")
"""What the id of a channel, or of a direct message, looks like."""

REQUEST_ID = re.compile(r"r-[a-z2-7]{1,30}")
"""What our ids look like: a button's value is not repeated to anybody unless it is one."""


def encode(item: InboxItem) -> str:
    """An item as the inbox keeps it."""
    return msgspec.json.encode(item).decode()


def sender(content: str) -> InboxItem:
    """Who sent an item that this version can't decode, as far as that can be read."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError):
        found = {}
    known = found if isinstance(found, Mapping) else {}
    return InboxItem(
        user=_text(known, "user"),
        channel=_text(known, "channel"),
        response_url=_text(known, "response_url"),
        at_home=known.get("at_home") is True,
    )


def payload_id(body: Body) -> str:
    """An id that is the same for every delivery of one payload.

    Slack makes a `trigger_id` for each interaction and an `event_id` for each event; a view is
    submitted once, so its id and hash do for a submission. What bears no id at all is known by
    its whole content: two different ones must never pass for one.
    """
    view = _dict(body, "view")
    parts = [
        _text(body, "trigger_id"),
        _text(body, "event_id"),
        _text(view, "id"),
        _text(view, "hash"),
    ]
    name = "|".join(parts) if any(parts) else json.dumps(body, sort_keys=True)
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def kind(body: Body) -> str:
    """What sort of payload it is, in Slack's word; `command` for one, empty if it has none."""
    return "command" if "command" in body else _text(body, "type")[:50]


def sound(body: Body) -> bool:
    """Whether the parts that Bolt looks into, to find a listener, have the shape they should."""
    match kind(body):
        case "block_actions":
            actions = body.get("actions")
            first = actions[0] if isinstance(actions, list) and actions else None
            return isinstance(first, Mapping) and bool(_text(first, "action_id"))
        case "view_submission" | "view_closed":
            view = _dict(body, "view")
            return bool(_text(view, "type")) and "callback_id" in view
        case "event_callback":
            return bool(_text(_dict(body, "event"), "type"))
        case _:
            return True


def opened_by(form: Json, item: InboxItem) -> Json:
    """A form that remembers beside its request's id where it was opened."""
    # In a direct message, too, nobody sees what is whispered in the card's channel.
    private = item.at_home or item.channel.startswith("D")
    place = _AT_HOME if private else _IN_CHANNEL
    return form | {"private_metadata": f"{form['private_metadata']} {place} {item.channel}".strip()}


def from_metadata(body: Body) -> Json:
    """Who sent a form in, and what travelled with it: the request's id, and where it was opened."""
    kept = _text(_dict(body, "view"), "private_metadata")
    target, place, channel, *_ = *kept.split(" "), "", "", ""
    return {
        "user": _text(_dict(body, "user"), "id"),
        "channel": channel if CHANNEL_ID.fullmatch(channel) else "",
        "request_id": target[:100],
        "at_home": place == _AT_HOME,
    }


def who(body: Body) -> Json:
    """Who clicked, where, and how to answer them."""
    return {
        "user": _text(_dict(body, "user"), "id"),
        "channel": _text(_dict(body, "channel"), "id"),
        "response_url": _text(body, "response_url"),
        "at_home": _text(_dict(body, "view"), "type") == "home",
    }


def clicked(body: Body) -> Json:
    """Who clicked, where, and the request that the button is about."""
    return who(body) | {"request_id": value(body, 100)}


def value(body: Body, limit: int) -> str:
    """The value of the button that was clicked, as far as `limit` characters."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    return _text(action, "value")[:limit] if isinstance(action, Mapping) else ""


def chosen(body: Body, block_id: str, action_id: str) -> str:
    """The value of what is chosen in a field of a form."""
    values = _dict(_dict(_dict(body, "view"), "state"), "values")
    return _text(_dict(_dict(_dict(values, block_id), action_id), "selected_option"), "value")


def typed(body: Body, block_id: str, action_id: str) -> str:
    """What stands in a text field of a form."""
    values = _dict(_dict(_dict(body, "view"), "state"), "values")
    return _text(_dict(_dict(values, block_id), action_id), "value")
