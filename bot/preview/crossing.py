"""2 preview: do two requests on one connection get in each other's way?

Each is previewed as if the other was not there. Where the one changes what the card of the other
says, whichever runs first voids the other one (G6). Pure.
"""

from collections.abc import Collection

from bot.models import LiveRoute, Operation, Request, VcoRoute
from bot.preview.impact import identity, impacts


def would_void(request: Request, other: Request, routes: Collection[VcoRoute] = ()) -> bool:
    """Whether `request` has to be asked for again once `other` has changed its routes.

    `routes`: those that it has changed, where not all of them.
    """
    seen = request.snapshot
    changed = [t for t in other.snapshot.targets if not routes or t.route in routes]
    targets = {t.route for t in seen.targets}
    if any(live.route in targets for live in changed):
        return True
    # What the card names: whatever else there is, a change of it alone is no drift.
    named = [*seen.targets, *(r for i in seen.impacts for r in (*i.takers, *i.inside))]
    now = {identity(live): live for live in named}
    after = {key: live for key, live in now.items() if key not in set(map(identity, changed))}
    if other.operation is Operation.RESTORE:
        after |= {identity(live): live for live in changed}
    return _told(seen.targets, now.values()) != _told(seen.targets, after.values())


def _told(targets: Collection[LiveRoute], routes: Collection[LiveRoute]) -> list[object]:
    """What a card would say of the impact."""
    return [
        (impact.carries, set(map(identity, impact.takers)), set(map(identity, impact.inside)))
        for impact in impacts(tuple(targets), routes)
    ]
