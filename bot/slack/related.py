"""The other requests that a card shows, read from the store.

Whoever changes one of them makes the card due in the same script, so nothing is lost by a crash.
"""

from collections.abc import Iterable, Sequence

from bot.lifecycle.request import voided_by
from bot.models import Request
from bot.slack.messages.card_body import View
from bot.slack.messages.related import MOST_BESIDE, Related, closest, stands
from bot.store import Claim, Store, Stored

_MOST_READ = 20
"""How many of the open requests on a connection are looked through."""

_LINK_SECONDS = 60.0
"""For how long a new request is expected to get a card that can be linked to."""


async def related(store: Store, stored: Stored, claim: Claim | None = None) -> View:
    """What a card shows of other requests; some of it was read with the `claim`."""
    request = stored.request
    if request.state.open:
        return View(now=0.0, beside=await _beside(store, request, claim))
    rollback = _standing(await _read(store, stored.rollbacks), request)
    cause = await _read(store, filter(None, [voided_by(request)]))
    return View(
        now=0.0,
        rollback=await _linked(store, rollback) if rollback else None,
        voided_by=await _linked(store, cause[0]) if cause else None,
    )


def unlinked(view: View, now: float) -> bool:
    """Whether a request that the card shows is about to have a card of its own."""
    return any(not r.link and now - r.request.created_at < _LINK_SECONDS for r in view.related)


async def _beside(store: Store, request: Request, claim: Claim | None) -> tuple[Related, ...]:
    ids = await store.requests.beside(request, claim)
    if not ids:
        return ()
    found = await store.requests.many(ids[:_MOST_READ])
    others = [stored.request for stored in found.stored if stored.request.state.open]
    unread = {*found.unreadable, *ids[_MOST_READ:]}
    if gone := sorted({*ids} - {other.id for other in others} - unread):
        await store.requests.not_beside(request, gone)
    # One more than is named says that there are more.
    shown = closest(request, others)[: MOST_BESIDE + 1]
    links = await store.card_states.links([other.id for other in shown])
    return tuple(Related(other, link) for other, link in zip(shown, links, strict=True))


def _standing(rollbacks: Sequence[Request], request: Request) -> Request | None:
    """The one that takes the request back, else the latest that was to."""
    own = [r for r in rollbacks if r.origin == request.id]
    return next(filter(stands, own), own[0] if own else None)


async def _read(store: Store, ids: Iterable[str]) -> list[Request]:
    """Those that there are still, and that can be read, in this order."""
    wanted = list(ids)
    if not wanted:
        return []
    found = await store.requests.many(wanted)
    return [stored.request for stored in found.stored]


async def _linked(store: Store, request: Request) -> Related:
    [link] = await store.card_states.links([request.id])
    return Related(request, link)
