"""Which of our own requests has changed what another one was approved for."""

from bot.models import Request
from bot.preview.crossing import would_void
from bot.store import Requests

_LOOKED_THROUGH = 200
"""How many of the newest requests are looked through: what was approved is hours old at most."""


async def cause(requests: Requests, request: Request) -> str:
    """The id of the latest request that did; empty: somebody else has, or none is known."""
    found = await requests.many(await requests.latest_ids(_LOOKED_THROUGH))
    culprits = [s.request for s in found.stored if _has_voided(s.request, request)]
    return max(culprits, key=lambda r: r.ended_at).id if culprits else ""


def _has_voided(other: Request, request: Request) -> bool:
    """Whether `other` changed, after `request` was previewed, what its card says."""
    here = (other.region, other.vpn_connection_id) == (request.region, request.vpn_connection_id)
    if not here or other.id == request.id:
        return False
    since = request.snapshot.taken_at
    changed = [r.route for r in other.routes if r.state.done and r.ended_at >= since]
    return bool(changed) and would_void(request, other, changed)
