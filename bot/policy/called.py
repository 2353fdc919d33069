"""Whom to call for a decision: those who can make it, and not always the same of many. Pure."""

import hashlib
from collections.abc import Iterable, Mapping

from bot.models import Members, Person, Request, Terms
from bot.policy.membership import is_member


def candidates(request: Request, now: Terms, members: Members) -> tuple[str, ...]:
    """Who may approve by the terms on record and by those of now, in the order of calling.

    Whoever asked is none of them, and neither is who has approved already. Those who are named in
    person come first; of groups the order is another one for each request, so that it is not
    always the same few who are woken.
    """
    then = request.terms.approvers
    grouped = {user for group in then.groups for user in members.get(group, ())}
    named = (*then.users, *sorted(grouped, key=lambda user: _drawn(request.id, user)))
    out = {request.requester, *request.approvers}
    return tuple(
        user
        for user in dict.fromkeys(named)
        if user not in out and now.approvers.include(user, members)
    )


def reachable(
    users: Iterable[str], people: Mapping[str, Person | None], home_team: str
) -> tuple[str, ...]:
    """Those of them who are full members of the workspace: nobody else could decide."""
    return tuple(user for user in users if is_member(people.get(user), home_team))


def _drawn(request_id: str, user: str) -> str:
    return hashlib.sha256(f"{request_id}/{user}".encode()).hexdigest()
