"""What Slack delivers and nobody here knows: still answered, in the place of whoever sent it.

An old card's button, a form of another version, a payload with its parts missing: Bolt would
answer these with 404 or 500, of which a person sees a warning sign and no word. Here they are
acknowledged, and the person is told that nothing happened.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.slack import inbound
from bot.slack.inbound import Delivery
from bot.slack.messages.texts import Block, section

log = structlog.get_logger(__name__)

Keep = Callable[[dict[str, Any], Delivery], Awaitable[bool]]
"""Stores a delivery so that it is answered later; False where that was not possible."""

UNKNOWN = "This is not known any more. Nothing happened; please ask again."
BROKEN = "This did not work. Please look at the card, or at `/vco-route status`, and try again."


class Strays(AsyncMiddleware):
    """Bolt's last resort: before it looks into a payload, and after no listener was found."""

    def __init__(self, keep: Keep) -> None:
        """Let `keep` store what is to be answered."""
        self._keep = keep

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - the same
    ) -> BoltResponse | None:
        """Let pass what Bolt can take apart without stumbling; its signature has been checked."""
        if inbound.sound(req.body):
            return await next()
        log.warning("odd_delivery", type=inbound.kind(req.body))
        return await self._answer(req.body, UNKNOWN)

    async def failed(self, error: Exception, body: dict[str, Any]) -> BoltResponse:
        """Bolt's error handler: nobody listens to this, or whoever does has failed."""
        if isinstance(error, BoltUnhandledRequestError):
            log.warning("unknown_delivery", type=inbound.kind(body))
            return await self._answer(body, UNKNOWN)
        log.error("listener_failed", type=inbound.kind(body), exc_info=error)
        return await self._answer(body, BROKEN)

    async def _answer(self, body: dict[str, Any], text: str) -> BoltResponse:
        match inbound.kind(body):
            case "command":
                return BoltResponse(status=200, body={"response_type": "ephemeral", "text": text})
            case "view_submission":
                return BoltResponse(status=200, body=_instead(text))
            case "block_suggestion":
                return BoltResponse(status=200, body={"options": []})
            case "block_actions" | "shortcut" | "message_action" | "":
                await self._keep(body, inbound.stray(body, text))
        return BoltResponse(status=200, body="")


def _instead(text: str) -> Block:
    """The acknowledgement that shows `text` where the form was."""
    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Nothing happened"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [section(text)],
    }
    return {"response_action": "update", "view": view}
