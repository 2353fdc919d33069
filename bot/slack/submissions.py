"""Ask for a change, whichever way a person came to it: a command, a form, a button.

Two steps of the worker: the request is stored, and then, when its card stands in Slack, the
person is told where, unless they see it. Done again after a crash, the same request is found, never
a second one.
"""

import random
from collections.abc import Callable

from msgspec.structs import replace

from bot.approval.submit import Confirmed, Submitter
from bot.errors import AlibabaError, Throttled, UserError
from bot.execution.reading import STEP_SECONDS, StillReading
from bot.lifecycle import request_id
from bot.models import Draft, Request, RequestState
from bot.policy import done_by
from bot.slack.lookups import read_shown
from bot.slack.messages import replies
from bot.slack.messages.labels import Symbol
from bot.slack.messages.mrkdwn import prose
from bot.slack.payloads import REQUEST_ID, InboxItem
from bot.slack.responder import Responder
from bot.store import AlreadyOpen, CardState, Claim, Store

CARD_SECONDS = 10.0
"""For how long an answer waits for the card, so that it can link to it."""

_CARD_AGAIN_SECONDS = 0.15
_CARD_IN_SIGHT_SECONDS = 1.0
"""Seconds after which it is looked again whether the card stands: soon, for who is to be told."""

_ROUTES_AGAIN_SECONDS = STEP_SECONDS + 0.5
"""Seconds after which it is looked again whether a long list of routes has been read."""

_QUOTA_AGAIN_SECONDS = 1.0, 3.0
"""Seconds after which what the quota of reads held up is tried again, spread: others wait too."""


class Submissions:
    """Turns drafts into requests, and tells whoever asked."""

    def __init__(
        self, store: Store, submitter: Submitter, responder: Responder, channel: str
    ) -> None:
        """`channel`: where cards go; empty: to the channel of the command."""
        self._store = store
        self._submitter = submitter
        self._responder = responder
        self._channel = channel

    async def submit(
        self, claim: Claim, item: InboxItem, draft: Draft, confirmed: Confirmed | None = None
    ) -> float | None:
        """Submit `draft` on behalf of whoever sent `item`; returns when to look again."""
        try:
            return await self._submit(claim, item, draft, confirmed)
        except StillReading:
            return claim.now + _ROUTES_AGAIN_SECONDS
        except AlreadyOpen as error:
            await self._already_open(item, error.request_id)
        except Throttled as error:
            # Nothing is recorded yet. In a crowd each comes to its turn, unless that takes so long
            # that nobody would count on it any more.
            spread = random.uniform(*_QUOTA_AGAIN_SECONDS)  # noqa: S311 - no secret
            again_at = claim.now + max(error.retry_after or 0.0, spread)
            if again_at < done_by(item.said_at):
                return again_at
            await self._responder.explain(item, error)
        except (UserError, AlibabaError) as error:
            await self._responder.explain(item, error)
        return None

    async def submit_from(
        self,
        claim: Claim,
        item: InboxItem,
        target: str,
        draft: Callable[[Request], Draft],
        confirmed: Confirmed | None = None,
    ) -> float | None:
        """Submit what `draft` makes of the request `target`; returns when to look again."""
        try:
            request = await self._known(target)
            # In the App Home and in direct messages nobody else would see it: then it goes where
            # the first card went.
            public = item.channel.startswith(("C", "G"))
            asked = item if public else replace(item, channel=request.channel)
            return await self.submit(claim, asked, draft(request), confirmed)
        except UserError as error:
            await self._responder.explain(item, error)
        return None

    async def _known(self, target: str) -> Request:
        stored = await self._store.requests.get(target) if REQUEST_ID.fullmatch(target) else None
        if stored is None:
            raise UserError(
                "This request is not known any more.", "See what is in flight: /vco-route status"
            )
        return stored.request

    async def _submit(
        self, claim: Claim, item: InboxItem, draft: Draft, confirmed: Confirmed | None
    ) -> float | None:
        target = request_id(claim.id)
        stored = await self._store.requests.get(target)
        if stored is not None:
            return await self._asked(claim, item, stored.request)
        channel = self._channel or item.channel
        await self._submitter.submit(
            target,
            draft,
            requester=item.user,
            channel=channel,
            elsewhere=channel != item.channel,
            said_at=item.said_at,
            confirmed=confirmed,
        )
        here = item.channel == channel and not item.at_home
        return claim.now + (_CARD_IN_SIGHT_SECONDS if here else _CARD_AGAIN_SECONDS)

    async def _asked(self, claim: Claim, item: InboxItem, request: Request) -> float | None:
        posted = await self._store.card_states.get(request.id)
        # Cancelled by the bot itself: the card could not be posted.
        if request.state is RequestState.CANCELLED and not request.decisions[-1].by:
            await self._responder.tell(item, f"{Symbol.LOOK} {prose(request.why)}")
        elif _in_sight(item, request, posted):
            pass
        elif posted.link or claim.now - request.created_at > CARD_SECONDS:
            await self._responder.tell(item, replies.asked(request, posted))
        else:
            return claim.now + _CARD_AGAIN_SECONDS
        return None

    async def _already_open(self, item: InboxItem, leading: str) -> None:
        rows, _ = await read_shown(self._store, [leading])
        said = (
            replies.already_open(*rows[0])
            if rows
            else f"Request `{leading}` is already about this route."
        )
        await self._responder.tell(item, said)


def _in_sight(item: InboxItem, request: Request, posted: CardState) -> bool:
    """Whether whoever asked sees the card where they asked: it says all that there is to say."""
    here = item.channel == request.channel and not item.at_home
    return here and bool(posted.card_ts) and not posted.lost
