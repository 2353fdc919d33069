"""What Slack delivers and nobody here knows: still answered, in the place of whoever sent it.

An old card's button, a form of another version, a payload with its parts missing: Bolt would
answer these with 404 or 500, of which a person sees a warning sign and no word. Here they are
acknowledged, and the person is told that nothing happened.
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.slack import payloads
from bot.slack.listeners import ListenerContext
from bot.slack.messages.mrkdwn import Block, modal, section
from bot.slack.payload import Body, Json
from bot.slack.payloads import InboxItem
from bot.slack.router import HEARD, HandlerContext, Router
from bot.store import Claim

log = structlog.get_logger(__name__)

router = Router()

Keep = Callable[[Body, InboxItem], Awaitable[bool]]
"""Stores an item so that it is answered later; False where that was not possible."""

Tell = Callable[[str, str], Awaitable[bool]]
"""Answers at a `response_url`, if it is Slack's, within what is left of the three seconds."""

Acknowledge = Callable[..., Awaitable[object]]
"""Acknowledges what was delivered, and says a text with it, if there is one."""

Serves = Callable[[str | None, str | None], bool]
"""Whether a team of an organisation is one that the bot works for."""

NOT_OURS = "This bot serves another workspace, or has not finished starting. Nothing happened."
UNKNOWN = "This is not known any more. Nothing happened; please ask again."
LATE = "This takes longer than usual. Please look at `/vco-route status` before you ask again."
BROKEN = "This did not work. Please look at the card, or at `/vco-route status`, and try again."

_HANDSHAKES = frozenset({"url_verification", "ssl_check"})
"""What Slack sends to see whether somebody listens, in no workspace's name."""

_CLICKS = frozenset({"block_actions", "shortcut", "message_action", ""})
"""What is acknowledged without a word."""


class UnknownPayload(InboxItem, frozen=True, tag="stray"):
    """Something that is not known here; `words` are all that its sender gets."""

    awaited: ClassVar[bool] = False

    words: str = ""


@router.handles(UnknownPayload)
async def explain(context: HandlerContext, _: Claim, item: UnknownPayload) -> None:
    """Say the words."""
    await context.responder.tell(item, item.words)


def spoken(context: ListenerContext, ack: AsyncAck, body: Body) -> Acknowledge:
    """Acknowledge a click, which can't say anything by itself; what is to be said is said later."""

    async def acknowledge(text: str = "") -> None:
        if not text or await context.put(body, UnknownPayload(**payloads.who(body), words=text)):
            await ack()

    return acknowledge


class UnknownPayloads(AsyncMiddleware):
    """Bolt's last resort: before it looks into a payload, and after no listener was found."""

    def __init__(self, keep: Keep, tell: Tell, serves: Serves) -> None:
        """Let `keep` store what is to be answered; `serves`: is it our workspace?

        Nothing of another workspace is stored: it is answered at once with `tell`, or not at all.
        """
        self._keep = keep
        self._tell = tell
        self._serves = serves

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - the same
    ) -> BoltResponse | None:
        """Let pass what Bolt can take apart without stumbling; its signature has been checked."""
        if payloads.kind(req.body) in _HANDSHAKES:
            return await next()
        if not self._serves(req.context.team_id, req.context.enterprise_id):
            return await self._refuse(req.body)
        if payloads.sound(req.body):
            return await next()
        log.warning("malformed_payload", type=payloads.kind(req.body))
        return await self._answer(req.body, UNKNOWN)

    async def failed(self, error: Exception, body: Json, request: AsyncBoltRequest) -> BoltResponse:
        """Bolt's error handler: nobody listens to this, or whoever does is late or has failed."""
        if isinstance(error, BoltUnhandledRequestError):
            if HEARD in request.context:
                # It may be stored by now: nothing may be said of what becomes of it.
                log.warning("acknowledged_late", type=payloads.kind(body))
                return _acknowledged(body, LATE)
            log.warning("unknown_payload", type=payloads.kind(body))
            return await self._answer(body, UNKNOWN)
        log.error("listener_failed", type=payloads.kind(body), exc_info=error)
        return await self._answer(body, BROKEN)

    async def _refuse(self, body: Json) -> BoltResponse:
        if payloads.kind(body) in _CLICKS:
            await self._tell(payloads.who(body)["response_url"], NOT_OURS)
        return _acknowledged(body, NOT_OURS)

    async def _answer(self, body: Json, text: str) -> BoltResponse:
        if payloads.kind(body) in _CLICKS:
            await self._keep(body, UnknownPayload(**payloads.who(body), words=text))
        return _acknowledged(body, text)


def _acknowledged(body: Json, text: str) -> BoltResponse:
    """An acknowledgement that says `text`, where one can."""
    match payloads.kind(body):
        case "command":
            return BoltResponse(status=200, body={"response_type": "ephemeral", "text": text})
        case "view_submission":
            return BoltResponse(status=200, body=_instead(text))
        case "block_suggestion":
            return BoltResponse(status=200, body={"options": []})
    return BoltResponse(status=200, body="")


def _instead(text: str) -> Block:
    """The acknowledgement that shows `text` where the form was."""
    title = "Late" if text == LATE else "Nothing happened"
    view = modal(title, [section(text)])
    return {"response_action": "update", "view": view}
