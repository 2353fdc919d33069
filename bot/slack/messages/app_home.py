"""The App Home: what waits for you, what is in flight, what you asked for, how it went. Pure.

Where each request stands is in `concerns`; how far it is shows its card.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
from bot.slack.messages.card_body import UNSURE, buttons
from bot.slack.messages.concerns import AppHomeData, places, taken_back
from bot.slack.messages.first_line import first_line
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
    linked,
    literal,
    mention,
    named,
    plain,
    prose,
    quoted,
    section,
)
from bot.slack.messages.per_route import uncovered
from bot.slack.messages.replies import Row

_NAMED = 3
"""How many routes an enumeration names before it counts the rest."""

_WHY_LIMIT = 300
"""Characters of a reason, or of what went wrong: the card has all of it."""


def _waiting(row: Row, user: str) -> Iterator[Block]:
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


def _running(row: Row, user: str, members: Members) -> Iterator[Block]:
    """What is being done; what has not begun, whoever may do so stops from here."""
    request = row.request
    may_stop = request.requester == user or request.terms.approvers.include(user, members)
    stop = {"accessory": stop_button(request)} if request.waiting and may_stop else {}
    yield section(_title(row)) | stop
    yield context(*_name(row.request), f"{_who(row.request)} · {code(row.request.id)}")


def _asked(row: Row, back: Mapping[str, Request]) -> Iterator[Block]:
    """What its reader asked for: who has to decide, or how it ended."""
    request = row.request
    if request.state is not RequestState.PENDING:
        yield from _ended(row, back)
        return
    [cancel] = _actions(request, CANCEL)["elements"]
    yield section(_title(row)) | {"accessory": cancel}
    said = f"Pending · {_needs(request)} · expires {_when(request.expires_at)}"
    yield _about(request, said)


def _mentioned(row: Row) -> str:
    """What others are asked to decide on, in one line."""
    return f"• {_link(row)} · {_who(row.request)} · {_needs(row.request)}"


def _ended(row: Row, back: Mapping[str, Request]) -> Iterator[Block]:
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
    return linked(row.posted.link, literal(first_line(row.request, rollback)))


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
        *_part("Waits for you", found.waiting, lambda row: _waiting(row, user), apart=True),
        *_unread_groups(found.unread),
        *_worse(found.worse, back),
        *_part("In flight", found.running, lambda row: _running(row, user, data.members)),
        *_elsewhere(found.elsewhere),
        *_part("You asked for", found.asked, lambda row: _asked(row, back)),
        *_part("Recent outcomes", found.ended, lambda row: _ended(row, back), most=most),
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


def _worse(rows: Sequence[Row], back: Mapping[str, Request]) -> Iterator[Block]:
    """What is down since a change and not taken back; where nothing is, there is nothing to say."""
    if rows:
        yield from _part("Worse since a change", rows, lambda row: _ended(row, back))


def _elsewhere(rows: Sequence[Row]) -> Iterator[Block]:
    """What waits for somebody else; where there is nothing, there is nothing to say."""
    if rows:
        yield header("Waits for others")
        yield section("\n".join(map(_mentioned, rows[:_MOST_MENTIONED])))
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
