"""What we posted before an answer was lost: found by the metadata that every message bears.

A post is announced in the store before it is made. Whoever finds it announced and not done
looks here first, so that a lost answer or a killed process does not say a thing twice.
"""

import hashlib
from collections.abc import Callable, Mapping

import msgspec
import structlog

from bot.errors import SlackRejected
from bot.slack.messages.mrkdwn import Message
from bot.slack.payload import Json
from bot.slack.web import Slack

log = structlog.get_logger(__name__)

EVENT_TYPE = "vco_route_told"
CARD = "card"
DIRECT = "direct"

_PAGE = 200
_PAGES = 10
_CLOCKS_APART = 60.0
"""Seconds by which Slack's clock and the store's may differ."""


def metadata(request_id: str, part: str, shows: str = "") -> Json:
    """What a message bears: which part of which request it is; of a card, the state it shows."""
    more = {"shows": shows} if shows else {}
    return {"event_type": EVENT_TYPE, "event_payload": {"request": request_id, "part": part} | more}


def content_hash(message: Message) -> str:
    """What tells apart how a message looks from how it looked before."""
    return hashlib.sha256(msgspec.json.encode(message)).hexdigest()[:16]


class PostedMessages:
    """Looks for messages of our own."""

    def __init__(self, slack: Slack, bot_user: Callable[[], str]) -> None:
        """Look through `slack`; `bot_user` is our own user ID, empty while it is not known."""
        self._slack = slack
        self._bot_user = bot_user

    async def find(self, place: Mapping[str, str], request_id: str, part: str) -> str | None:
        """The `ts` of a message of ours; None: there is none, or Slack won't let us look.

        `place` names `channel`, and `thread_ts` or the `since` of a channel's history.
        """
        arguments = {"channel": place["channel"], "include_all_metadata": "true"}
        if place.get("thread_ts"):
            method, arguments["ts"] = "conversations.replies", place["thread_ts"]
        else:
            since = float(place["since"]) - _CLOCKS_APART
            method, arguments["oldest"] = "conversations.history", f"{since:.6f}"
        try:
            return await self._search(method, arguments, metadata(request_id, part))
        except SlackRejected as error:
            log.warning("history_not_readable", error=str(error))
            return None

    async def shows(self, channel: str, ts: str, request_id: str) -> str:
        """The state that a card shows in Slack, whatever the store knows; empty: it can't be seen.

        Without the scope to read there the card is edited as if it had been seen: an outcome that
        is shown late, because a read is forbidden, would be worse than one that may be overwritten
        by a database that went back. Where Slack does not answer, the edit would not be made
        either: both wait.
        """
        arguments = {"channel": channel, "latest": ts, "inclusive": "true", "limit": "1"}
        try:
            answer = await self._slack.read(
                "conversations.history", include_all_metadata="true", **arguments
            )
        except SlackRejected as error:
            log.warning("card_not_readable", request=request_id, error=str(error))
            return ""
        messages = answer.get("messages")
        for message in messages if isinstance(messages, list) else []:
            if message.get("ts") == ts and self._is(message, metadata(request_id, CARD)):
                return str(message["metadata"]["event_payload"].get("shows") or "")
        return ""

    def _is(self, message: Json, wanted: Json) -> bool:
        """Whether a message is ours and bears at least this."""
        found = message.get("metadata")
        if not isinstance(found, dict) or message.get("user") != self._bot_user():
            return False
        payload = found.get("event_payload")
        return (
            found.get("event_type") == wanted["event_type"]
            and isinstance(payload, dict)
            and wanted["event_payload"].items() <= payload.items()
        )

    async def _search(self, method: str, arguments: dict[str, str], wanted: Json) -> str | None:
        for _ in range(_PAGES):
            answer = await self._slack.read(method, limit=str(_PAGE), **arguments)
            messages = answer.get("messages")
            for message in messages if isinstance(messages, list) else []:
                if self._is(message, wanted):
                    return str(message["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            arguments["cursor"] = str(cursor)
        return None
