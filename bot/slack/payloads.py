"""What Slack delivers, as values: a command, a click, a form.

Slack's payloads are taken apart here and nowhere else. Of a click only who clicked which
button where is believed, and of the button only the request's id.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from bot.command import MAX_TEXT
from bot.command.text import plain
from bot.models import Value, Verdict
from bot.slack.payload import part as _dict
from bot.slack.payload import word as _text


class InboxItem(Value, frozen=True, tag_field="type"):
    """A delivery: `user` did something in `channel`; `response_url` answers them privately.

    `at_home`: they did it in their App Home, or in a form that was opened there. `said_at`: when
    they did it, see `bot.slack.said`; 0 where an earlier version took it, which did not say.
    """

    user: str
    channel: str = ""
    response_url: str = ""
    at_home: bool = False
    said_at: float = 0.0


class CommandGiven(InboxItem, frozen=True, tag="command"):
    """`/vco-route` and its text."""

    text: str = ""


class DecisionClicked(InboxItem, frozen=True, tag="click"):
    """A button on a card; `request_id` is its value, whatever it claims to be.

    `typed` is what was typed to confirm, in the form that stands in for a button's dialog.
    """

    verdict: Verdict = Verdict.APPROVED
    request_id: str = ""
    typed: str = ""


class RestoreClicked(InboxItem, frozen=True, tag="undo"):
    """The button that asks for what undoes a request."""

    request_id: str = ""


class AskAgainClicked(InboxItem, frozen=True, tag="again"):
    """The button that asks once more for what nobody decided."""

    request_id: str = ""


class RejectionSubmitted(InboxItem, frozen=True, tag="reject"):
    """The form that asks for a reason, sent in."""

    request_id: str = ""
    reason: str = ""


class DeleteFormSubmitted(InboxItem, frozen=True, tag="form"):
    """The form for a deletion, sent in: as it was filled in, to be checked when it is handled.

    `routes` were chosen, each as the value of its option; `blocks` was typed instead.
    """

    region: str = ""
    connection: str = ""
    routes: tuple[str, ...] = ()
    blocks: str = ""
    reason: str = ""


class HomeOpened(InboxItem, frozen=True, tag="home"):
    """Somebody looks at the App Home."""


class UnknownPayload(InboxItem, frozen=True, tag="stray"):
    """Something that is not known here; `words` are all that its sender gets."""

    words: str = ""


AnyInboxItem = (
    CommandGiven
    | DecisionClicked
    | RestoreClicked
    | AskAgainClicked
    | RejectionSubmitted
    | DeleteFormSubmitted
    | HomeOpened
    | UnknownPayload
)

REASON_BLOCK = "reason"
REASON_ACTION = "text"
REASON_LIMIT = 300

_AT_HOME = "home"

TYPED_BLOCK = "typed"
TYPED_ACTION = "text"


def encode(item: AnyInboxItem) -> str:
    """A delivery as the inbox keeps it."""
    return msgspec.json.encode(item).decode()


def decode(content: str) -> AnyInboxItem:
    """A delivery from the inbox.

    Raises:
        msgspec.DecodeError, ValueError: it was not written by this version.
    """
    item: AnyInboxItem = msgspec.json.decode(content, type=AnyInboxItem)
    return item


def sender(content: str) -> UnknownPayload:
    """Who sent a delivery that this version can't decode, as far as that can be read."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError):
        found = {}
    known = found if isinstance(found, Mapping) else {}
    return UnknownPayload(
        user=_text(known, "user"),
        channel=_text(known, "channel"),
        response_url=_text(known, "response_url"),
        at_home=known.get("at_home") is True,
    )


def payload_id(body: Mapping[str, Any]) -> str:
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


def decision_clicked(body: Mapping[str, Any], verdict: Verdict) -> DecisionClicked:
    """A click on a button that decides."""
    return DecisionClicked(**_who(body), verdict=verdict, request_id=_value(body, 100))


def restore_clicked(body: Mapping[str, Any]) -> RestoreClicked:
    """A click on Restore."""
    return RestoreClicked(**_who(body), request_id=_value(body, 100))


def ask_again_clicked(body: Mapping[str, Any]) -> AskAgainClicked:
    """A click on Ask again."""
    return AskAgainClicked(**_who(body), request_id=_value(body, 100))


def chosen(body: Mapping[str, Any]) -> CommandGiven:
    """A click on one of several commands that were offered: as if the person had typed it."""
    return CommandGiven(**_who(body), text=_value(body, MAX_TEXT))


def approval_submitted(body: Mapping[str, Any]) -> DecisionClicked:
    """The form that asks an approver to type what they approve, sent in."""
    return DecisionClicked(
        user=_text(_dict(body, "user"), "id"),
        **_kept(body),
        verdict=Verdict.APPROVED,
        typed=_typed(body, TYPED_BLOCK, TYPED_ACTION).strip()[:100],
    )


def rejection_submitted(body: Mapping[str, Any]) -> RejectionSubmitted:
    """The rejection form, sent in. Its request's id travels in `private_metadata`."""
    reason = _typed(body, REASON_BLOCK, REASON_ACTION)
    return RejectionSubmitted(
        user=_text(_dict(body, "user"), "id"),
        **_kept(body),
        reason=plain(reason)[:REASON_LIMIT],
    )


def home_opened(body: Mapping[str, Any]) -> HomeOpened | None:
    """Somebody opened the App Home; None where nobody did, or looks at its other tab."""
    event = _dict(body, "event")
    user = _text(event, "user")
    return HomeOpened(user=user) if user and _text(event, "tab") != "messages" else None


def unknown_payload(body: Mapping[str, Any], words: str = "") -> UnknownPayload:
    """Whatever it is: who sent it, where, and what they are to be told."""
    return UnknownPayload(**_who(body), words=words)


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


def opened_at_home(form: dict[str, Any]) -> dict[str, Any]:
    """A form that remembers beside its request's id that it was opened in an App Home."""
    return form | {"private_metadata": f"{form['private_metadata']} {_AT_HOME}"}


def _kept(body: Mapping[str, Any]) -> dict[str, Any]:
    """What travelled with a form: the request's id, and where it was opened."""
    kept = _text(_dict(body, "view"), "private_metadata")
    target, _, place = kept.partition(" ")
    return {"request_id": target[:100], "at_home": place == _AT_HOME}


def _who(body: Mapping[str, Any]) -> dict[str, Any]:
    """Who clicked, where, and how to answer them."""
    return {
        "user": _text(_dict(body, "user"), "id"),
        "channel": _text(_dict(body, "channel"), "id"),
        "response_url": _text(body, "response_url"),
        "at_home": _text(_dict(body, "view"), "type") == "home",
    }


def _value(body: Mapping[str, Any], limit: int) -> str:
    """The value of the button that was clicked."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    return _text(action, "value")[:limit] if isinstance(action, Mapping) else ""


def _typed(body: Mapping[str, Any], block_id: str, action_id: str) -> str:
    """What stands in a text field of a form."""
    values = _dict(_dict(_dict(body, "view"), "state"), "values")
    return _text(_dict(_dict(values, block_id), action_id), "value")
