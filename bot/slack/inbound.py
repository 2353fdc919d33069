"""What Slack delivers, as values: a command, a click, a rejection with its reason.

Slack's payloads are taken apart here and nowhere else. Of a click only who clicked which
button where is believed, and of the button only the request's id.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from bot.models import Value, Verdict


class Inbound(Value, frozen=True, tag_field="type"):
    """A delivery: `user` did something in `channel`; `response_url` answers them privately."""

    user: str
    channel: str = ""
    response_url: str = ""


class CommandGiven(Inbound, frozen=True, tag="command"):
    """`/vco-route` and its text."""

    text: str = ""


class Clicked(Inbound, frozen=True, tag="click"):
    """A button on a card; `request_id` is its value, whatever it claims to be."""

    verdict: Verdict = Verdict.APPROVED
    request_id: str = ""


class Rejecting(Inbound, frozen=True, tag="reject"):
    """The form that asks for a reason, sent in."""

    request_id: str = ""
    reason: str = ""


class HomeOpened(Inbound, frozen=True, tag="home"):
    """Somebody looks at the App Home."""


class Stray(Inbound, frozen=True, tag="stray"):
    """Something that is not known here; `words` are all that its sender gets."""

    words: str = ""


Delivery = CommandGiven | Clicked | Rejecting | HomeOpened | Stray

REASON_BLOCK = "reason"
REASON_ACTION = "text"
REASON_LIMIT = 300


def encode(delivery: Delivery) -> str:
    """A delivery as the inbox keeps it."""
    return msgspec.json.encode(delivery).decode()


def decode(content: str) -> Delivery:
    """A delivery from the inbox.

    Raises:
        msgspec.DecodeError: it was not written by this version.
    """
    delivery: Delivery = msgspec.json.decode(content, type=Delivery)
    return delivery


def delivery_id(body: Mapping[str, Any]) -> str:
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


def command_given(body: Mapping[str, Any]) -> CommandGiven:
    """A slash command."""
    return CommandGiven(
        user=_text(body, "user_id"),
        channel=_text(body, "channel_id"),
        response_url=_text(body, "response_url"),
        text=_text(body, "text"),
    )


def clicked(body: Mapping[str, Any], verdict: Verdict) -> Clicked:
    """A click on a button of a message."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else {}
    return Clicked(
        user=_text(_dict(body, "user"), "id"),
        channel=_text(_dict(body, "channel"), "id"),
        response_url=_text(body, "response_url"),
        verdict=verdict,
        request_id=_text(action, "value")[:100] if isinstance(action, Mapping) else "",
    )


def rejecting(body: Mapping[str, Any]) -> Rejecting:
    """The rejection form, sent in. Its request's id travels in `private_metadata`."""
    view = _dict(body, "view")
    state = _dict(_dict(_dict(_dict(view, "state"), "values"), REASON_BLOCK), REASON_ACTION)
    return Rejecting(
        user=_text(_dict(body, "user"), "id"),
        request_id=_text(view, "private_metadata")[:100],
        reason=" ".join(_text(state, "value").split())[:REASON_LIMIT],
    )


def home_opened(body: Mapping[str, Any]) -> HomeOpened | None:
    """Somebody opened the App Home; None where nobody did, or looks at its other tab."""
    event = _dict(body, "event")
    user = _text(event, "user")
    return HomeOpened(user=user) if user and _text(event, "tab") != "messages" else None


def stray(body: Mapping[str, Any], words: str) -> Stray:
    """Whatever it is: who sent it, where, and what they are to be told."""
    return Stray(
        user=_text(_dict(body, "user"), "id"),
        channel=_text(_dict(body, "channel"), "id"),
        response_url=_text(body, "response_url"),
        words=words,
    )


def kind(body: Mapping[str, Any]) -> str:
    """What sort of payload it is, in Slack's word; `command` for one, empty if it has none."""
    return "command" if "command" in body else _text(body, "type")[:50]


def sound(body: Mapping[str, Any]) -> bool:
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


def _dict(body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = body.get(field)
    return value if isinstance(value, Mapping) else {}


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str):
        return ""
    # JSON can hold halves of surrogate pairs, which no text that is stored or sent may have.
    return value.encode(errors="replace").decode()
