"""The App Home: what waits for you, what is in flight, what you asked for, how it went. Pure.

Each request stands once in somebody's App Home, where it matters most to them: it waits for them,
or is being done, or was asked for by them, or has ended lately. How far it is shows its card.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bot import lifecycle
from bot.command import EXAMPLE, PREFIX
from bot.errors import Refused
from bot.models import Decision, Members, Request, RequestState, Verdict
from bot.preview.rollback import can_ask_again, can_roll_back
from bot.slack.messages.buttons import (
    APPROVE,
    CANCEL,
    NEW,
    REJECT,
    again_button,
    countersign_button,
    restore_button,
    stop_button,
)
from bot.slack.messages.card import first_line
from bot.slack.messages.card_body import UNSURE, buttons, uncovered
from bot.slack.messages.impacts import impact_lines
from bot.slack.messages.labels import DELETE_A_ROUTE, Symbol, nothing, verdict_word
from bot.slack.messages.monitored import worse
from bot.slack.messages.mrkdwn import (
    Block,
    button,
    clock,
    code,
    context,
    cut,
    header,
    literal,
    mention,
    named,
    plain,
    prose,
    quoted,
    section,
)
from bot.slack.messages.related import stands
from bot.slack.messages.replies import Row

MOST_MINE = 3
"""How many ended requests of their own a person sees."""

MOST_ENDED = 10
"""How many others that have ended."""


_NOTHING: Mapping[str, Request] = MappingProxyType({})

_WORSE_SECONDS = 24 * 3600.0


class AppHomeData(NamedTuple):
    """Everything that is open and what has ended lately; the same for all.

    `members`: who is in the groups that may decide on what waits; a group that could not be
    read is missing. `unreadable`: ids of records that this version can't read. `now` is in seconds
    since the epoch.
    """

    rows: tuple[Row, ...] = ()
    members: Members = MappingProxyType({})
    unreadable: tuple[str, ...] = ()
    now: float = 0.0


class Places(NamedTuple):
    """The rows of one person's Home, by where they stand, and the groups that may hide more."""

    waiting: list[Row]
    worse: list[Row]
    running: list[Row]
    elsewhere: list[Row]
    asked: list[Row]
    ended: list[Row]
    unread: tuple[str, ...]


def groups_of(requests: Iterable[Request]) -> set[str]:
    """The groups whose members have to be known to say who may decide on these, or stop them."""
    asked = (r for r in requests if undecided(r) or r.waiting)
    return {group for request in asked for group in request.terms.approvers.groups}


def undecided(request: Request) -> bool:
    """Whether it waits for an approval, or for a countersignature."""
    return request.state is RequestState.PENDING or _unsigned(request)


def places(data: AppHomeData, user: str) -> Places:
    """Where each request stands in the Home of `user`."""
    rows = sorted(data.rows, key=lambda row: row.request.created_at)
    waiting, rest = _split(rows, lambda r: waits_for(r, user, data.members))
    back = taken_back(rows)
    degraded, rest = _split(rest, lambda r: r.id not in back and _worse_lately(r, data.now))
    pending, rest = _split(rest, lambda r: r.state is RequestState.PENDING)
    running, ended = _split(rest, lambda r: r.state.open)
    ended.sort(key=lambda row: row.request.ended_at, reverse=True)
    own, elsewhere = _split(pending, lambda r: r.requester == user)
    mine = [row for row in ended if row.request.requester == user][:MOST_MINE]
    others = [row for row in ended if row not in mine][:MOST_ENDED]
    return Places(
        waiting=waiting,
        worse=degraded[::-1],
        running=running,
        elsewhere=elsewhere,
        asked=own[::-1] + mine,
        ended=others,
        unread=_unread(rows, user, data.members),
    )


def taken_back(rows: Iterable[Row]) -> dict[str, Request]:
    """By its id what was taken back, or is being, and the request that does so."""
    later = sorted((row.request for row in rows), key=lambda r: r.created_at)
    return {r.origin: r for r in later if r.origin and stands(r)}


def _worse_lately(request: Request, now: float) -> bool:
    """Whether something is down since its change; what nobody has minded for a day is no news."""
    return bool(request.degraded) and now - request.degraded[0].at < _WORSE_SECONDS


def waits_for(request: Request, user: str, members: Members) -> bool:
    """Whether `user` may decide on it, as far as its terms say, and has not.

    Whether they really may is asked anew at the click.
    """
    return _could(request, user) and request.terms.approvers.include(user, members)


def _could(request: Request, user: str) -> bool:
    """Whether it would wait for `user`, if they were an approver."""
    mine = request.requester == user
    if request.state is RequestState.PENDING:
        return user not in request.approvers and (request.terms.self_approval or not mine)
    return _unsigned(request) and not mine


def _unsigned(request: Request) -> bool:
    return request.glass_broken and not request.countersigned


def _unread(rows: Iterable[Row], user: str, members: Members) -> tuple[str, ...]:
    """The groups that could not be read, and in which `user` may be."""
    hidden = (
        group
        for row in rows
        if _could(row.request, user) and not waits_for(row.request, user, members)
        for group in row.request.terms.approvers.unread(members)
    )
    return tuple(dict.fromkeys(hidden))


def _split(rows: Iterable[Row], of: Callable[[Request], bool]) -> tuple[list[Row], list[Row]]:
    """The rows whose request is one `of` them, and the others."""
    found: list[Row] = []
    others: list[Row] = []
    for row in rows:
        (found if of(row.request) else others).append(row)
    return found, others


# --- rows ------------------------------------------------------------------------------

_NAMED = 3
"""How many routes an enumeration names before it counts the rest."""

_WHY_LIMIT = 300
"""Characters of a reason, or of what went wrong: the card has all of it."""


def waiting(row: Row, user: str) -> Iterator[Block]:
    """What `user` is asked to decide on, with what they have to know for it."""
    request = row.request
    if request.state is RequestState.PENDING:
        yield section("\n".join([_title(row), *_impact(request)]))
        yield _about(request, f"{_who(request)} · expires {_when(request.expires_at)}")
        mine = (CANCEL,) if request.requester == user else ()
        yield _actions(request, APPROVE, REJECT, *mine)
        return
    yield section(_title(row))
    until = _when(request.created_at + request.terms.countersign)
    yield _about(request, f"{_who(request)} · countersign by {until}")
    yield {"type": "actions", "elements": [countersign_button(request)]}


def running(row: Row, user: str, members: Members) -> Iterator[Block]:
    """What is being done; what has not begun, whoever may do so stops from here."""
    request = row.request
    may_stop = request.requester == user or request.terms.approvers.include(user, members)
    stop = {"accessory": stop_button(request)} if request.waiting and may_stop else {}
    yield section(_title(row)) | stop
    yield context(*_name(row.request), f"{_who(row.request)} · {code(row.request.id)}")


def asked(row: Row, back: Mapping[str, Request] = _NOTHING) -> Iterator[Block]:
    """What its reader asked for: who has to decide, or how it ended."""
    request = row.request
    if request.state is not RequestState.PENDING:
        yield from ended(row, back)
        return
    [cancel] = _actions(request, CANCEL)["elements"]
    yield section(_title(row)) | {"accessory": cancel}
    said = f"Pending · {_needs(request)} · expires {_when(request.expires_at)}"
    yield _about(request, said)


def mentioned(row: Row) -> str:
    """What others are asked to decide on, in one line."""
    return f"• {_link(row)} · {_who(row.request)} · {_needs(row.request)}"


def ended(row: Row, back: Mapping[str, Request] = _NOTHING) -> Iterator[Block]:
    """How a request ended, with what can be done about that."""
    request = row.request
    rollback = back.get(request.id)
    line = section("\n".join([f"*{_link(row, rollback)}*", *_trouble(request)]))
    if can_roll_back(request) and rollback is None:
        line["accessory"] = restore_button(request)
    elif can_ask_again(request):
        line["accessory"] = again_button(request)
    yield line
    against = [quoted(cut(d.reason, _WHY_LIMIT)) for d in request.decisions[-1:] if _against(d)]
    said = f"{_who(request)}{_end(request)} · {code(request.id)}"
    yield context(*_name(request), said, *against)


# --- lines -----------------------------------------------------------------------------


def _title(row: Row) -> str:
    return f"*{_link(row)}*"


def _link(row: Row, rollback: Request | None = None) -> str:
    line = literal(first_line(row.request, rollback))
    return f"<{row.posted.link}|{line}>" if row.posted.link.startswith("http") else line


def _impact(request: Request) -> Iterator[str]:
    """What happens to traffic; of several routes only what is bad about them."""
    impacts = request.snapshot.impacts
    if len(impacts) == 1:
        yield from impact_lines(request, impacts[0], _NAMED)
        return
    yield ", ".join(f"{code(r.route.route_dest)}" for r in request.routes)
    if bare := uncovered(request):
        some = f"{len(bare)} of them" if len(bare) < len(impacts) else "any of them"
        yield f"{Symbol.NO_ROUTE} *Nothing on this connection covers {some} any more.*"
    if lost := sum(1 for impact in impacts if impact.not_restorable):
        yield f"{Symbol.LOOK} {lost} of them can't be restored."


def _who(request: Request) -> str:
    """Who asked and when, and who has decided what."""
    said = [f"Asked by {mention(request.requester)} {_when(request.created_at)}"]
    said += [
        f"{verdict_word(decision)} by {mention(decision.by)}"
        for decision in request.decisions
        if decision.by and decision.verdict is not Verdict.BROKE_GLASS
    ]
    return " · ".join(said)


def _end(request: Request) -> str:
    """When it ended: with the decision that is named last, or after it."""
    last = request.decisions[-1] if request.decisions else None
    decided = last is not None and last.by and last.at == request.ended_at
    return f"{'' if decided else ' · ended'} {_when(request.ended_at)}"


def _needs(request: Request) -> str:
    left, some = lifecycle.missing(request), request.terms.approvals
    how_many = f"{some - left} of {some} approvals" if some > 1 else "needs 1 approval"
    return f"{how_many} from {named(request.terms.approvers.ids)}"


def _trouble(request: Request) -> Iterator[str]:
    """What went wrong, in our own words or the cloud's."""
    if request.degraded:
        yield worse(request)
    failed = next((r.failure for r in request.routes if r.failure is not None), None)
    if failed is not None:
        yield prose(cut(failed.meaning, _WHY_LIMIT))
    elif request.state is RequestState.VOID:
        yield f"{nothing(request)}: {prose(cut(request.why, _WHY_LIMIT))}"
    elif request.state is RequestState.UNCONFIRMED:
        yield UNSURE


def _against(decision: Decision) -> bool:
    no = (Verdict.REJECTED, Verdict.CANCELLED)
    return decision.verdict in no and bool(decision.reason)


def _about(request: Request, said: str) -> Block:
    """`said` and the id, between the connection's name and the requester's reason."""
    reason = [quoted(cut(request.reason, _WHY_LIMIT))] if request.reason else []
    return context(*_name(request), f"{said} · {code(request.id)}", *reason)


def _name(request: Request) -> list[Block]:
    name = request.snapshot.connection.name
    return [plain(name)] if name else []


def _when(at: float) -> str:
    return clock(at, day=True)


# --- blocks ----------------------------------------------------------------------------


def _actions(request: Request, *wanted: str) -> Block:
    """Those of the card's buttons that are for its reader."""
    elements = [one for one in buttons(request)["elements"] if one["action_id"] in wanted]
    return {"type": "actions", "elements": elements}


_MOST = 5
"""How many rows a part shows before it counts the rest: a view holds 100 blocks (Slack, Block
Kit reference), and a row has up to 5."""

_MOST_MENTIONED = 10
"""How many one-line rows a part shows."""


def view(data: AppHomeData, user: str) -> Block:
    """The page of `user`."""
    found, back = places(data, user), taken_back(data.rows)
    most = len(found.ended)
    blocks = [
        {"type": "actions", "elements": [button(DELETE_A_ROUTE, NEW, "new", style="primary")]},
        *_warning(data.unreadable),
        *_part("Waits for you", found.waiting, lambda row: waiting(row, user), apart=True),
        *_unread_groups(found.unread),
        *_worse(found.worse),
        *_part("In flight", found.running, lambda row: running(row, user, data.members)),
        *_elsewhere(found.elsewhere),
        *_part("You asked for", found.asked, lambda row: asked(row, back)),
        *_part("Recent outcomes", found.ended, lambda row: ended(row, back), most=most),
        *_how_to_ask(),
    ]
    return {"type": "home", "blocks": blocks}


def closed(refusal: Refused) -> Block:
    """The page of somebody who may not look."""
    return {"type": "home", "blocks": [section(prose(f"{refusal.problem} {refusal.mend}"))]}


def _part(
    title: str,
    rows: Sequence[Row],
    show: Callable[[Row], Iterable[Block]],
    *,
    most: int = _MOST,
    apart: bool = False,
) -> Iterator[Block]:
    """`apart`: with a line between the rows, so that nobody takes a button for the next one's."""
    yield header(title)
    if not rows:
        yield context("Nothing.")
    for place, row in enumerate(rows[:most]):
        if apart and place:
            yield {"type": "divider"}
        yield from show(row)
    yield from _more(rows[most:])


def _more(rows: Sequence[Row]) -> Iterator[Block]:
    """How many rows there was no room for, and the commands that show them."""
    if rows:
        ways = {f"`{PREFIX} {'status' if r.request.state.open else 'history'}`" for r in rows}
        yield context(f"… and {len(rows)} more: {', '.join(sorted(ways, reverse=True))}")


def _worse(rows: Sequence[Row]) -> Iterator[Block]:
    """What is down since a change and not taken back; where nothing is, there is nothing to say."""
    if rows:
        yield from _part("Worse since a change", rows, ended)


def _elsewhere(rows: Sequence[Row]) -> Iterator[Block]:
    """What waits for somebody else; where there is nothing, there is nothing to say."""
    if rows:
        yield header("Waits for others")
        yield section("\n".join(map(mentioned, rows[:_MOST_MENTIONED])))
        yield from _more(rows[_MOST_MENTIONED:])


def _unread_groups(groups: Sequence[str]) -> Iterator[Block]:
    if groups:
        names = " ".join(map(mention, groups[:_MOST_MENTIONED]))
        yield context(
            f"{Symbol.LOOK} Slack does not say who is in {names} just now: more may wait for you."
        )


def _warning(unreadable: Sequence[str]) -> Iterator[Block]:
    if unreadable:
        names = ", ".join(f"{code(one)}" for one in unreadable[:_MOST_MENTIONED])
        more = len(unreadable) - _MOST_MENTIONED
        rest = f" and {more} more" if more > 0 else ""
        yield section(f"{Symbol.LOOK} {names}{rest} can't be read by this version of the bot.")


def _how_to_ask() -> Iterator[Block]:
    yield {"type": "divider"}
    yield section(f"*How to ask*\nIn a channel: `{EXAMPLE}`\nEverything else: `{PREFIX} help`")
