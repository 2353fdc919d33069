"""One of every message, form and page that the bot shows: for the tests, and for Slack itself.

The tests have them judged by the local Slack, `make contract` by the real one.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from builders import (
    ALICE,
    BOB,
    PRESENT,
    UPDATING,
    a_request,
    a_route,
    a_snapshot,
    accepted,
    approved,
    decided,
    in_state,
    listed,
    live,
    sent,
)
from msgspec.structs import replace
from reading import HOSTILE

from bot import lifecycle
from bot.errors import CommandError, Offer, PreviewError, RefusalReason, Refused, Unclear
from bot.follow_up import countersignatures, monitoring, reminders
from bot.history import Found
from bot.lifecycle import route_change
from bot.models import (
    Event,
    EventKind,
    Operation,
    People,
    Request,
    RequestState,
    RouteKind,
    RouteState,
    Terms,
    Tunnel,
    Verdict,
    WaitCause,
)
from bot.policy import Policy, ProtectedPrefix, Rule
from bot.preview.rollback import can_roll_back
from bot.slack.forms.fields import Form, route_value
from bot.slack.forms.glass_view import confirm_form, failed_form, looking_form
from bot.slack.forms.lookup import ConnectionRoutes
from bot.slack.forms.view import delete_form, lookup_form
from bot.slack.messages.app_home import closed, view
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.concerns import AppHomeData
from bot.slack.messages.decision_forms import (
    approve_form,
    countersign_form,
    reject_form,
    restore_form,
)
from bot.slack.messages.direct import direct_message
from bot.slack.messages.history import HistoryFound, history
from bot.slack.messages.listing import routes
from bot.slack.messages.receipt import receipt
from bot.slack.messages.related import Related
from bot.slack.messages.replies import Row, choices, problem
from bot.slack.messages.table import without_tables
from bot.slack.messages.timeline import line
from bot.store import CardState, Stored

Json = dict[str, Any]

MANY = tuple(a_route(f"10.{n}.0.0/24") for n in range(20))
LONG = a_route("2001:db8:1111:2222:3333:4444:5555:ff00/128", connection="vco-" + "x" * 25)
REASON = HOSTILE[:300]
TYPED = Terms(approvers=a_request().terms.approvers, approvals=2, typed="10.0.0.0/8")
GLASS = replace(a_request().terms, countersign=7200.0)
LINK = "https://acme.slack.com/archives/C0NETOPS/p1"


class Golden(NamedTuple):
    """What is shown, by a name that says which: a `message` with its blocks, or a `view`."""

    name: str
    kind: str
    shown: Json


def golden() -> Iterator[Golden]:
    """All of them, each name once; those with a table also as they are without."""
    for one in (*_cards(), *_direct(), *_lines(), *_answers()):
        yield one
        text, blocks = one.shown["text"], one.shown["blocks"]
        if (plainer := without_tables(blocks)) != blocks:
            yield _message(f"{one.name}, without tables", text, plainer)
    yield from _views()


def _message(name: str, text: str, blocks: list[Json]) -> Golden:
    return Golden(name, "message", {"text": text, "blocks": blocks})


def _requests() -> Iterator[tuple[str, Request]]:
    for state in RequestState:
        yield state.value, in_state(state, reason=REASON)
    yield "pending, twenty routes", in_state(RequestState.PENDING, *MANY, reason=REASON)
    yield "executing, twenty routes", in_state(RequestState.EXECUTING, *MANY)
    yield "deleted, twenty routes", in_state(RequestState.DELETED, *MANY)
    yield "unconfirmed, twenty routes", in_state(RequestState.UNCONFIRMED, *MANY)
    yield "deleted, long names", in_state(RequestState.DELETED, LONG)
    yield "pending, to be typed", a_request(terms=TYPED)
    yield "glass broken", _glass_broken()
    signed = decided(Verdict.COUNTERSIGNED, reason="seen, was right")
    yield "countersigned", lifecycle.countersign(_glass_broken(), signed)
    yield "busy", route_change.wait(sent(), 1104.0, "TaskConflict", REASON, WaitCause.BUSY)
    yield "busy, an answer lost", _unanswered()
    yield "stopped", lifecycle.stop(approved(), decided(Verdict.STOPPED, by=BOB, at=1105.0))
    yield "unconfirmed, seen", _unconfirmed()


def _unanswered() -> Request:
    lost = route_change.lose(sent(), 1104.0, "Network.TooSlow")
    seen = route_change.observe(lost, 1105.0, UPDATING)
    return route_change.wait(seen, 1105.0, "connection updating", REASON, WaitCause.BUSY)


def _unconfirmed() -> Request:
    seen = route_change.observe(accepted(), 1110.0, PRESENT)
    return route_change.end(seen, 1703.0, RouteState.UNCONFIRMED)


def _glass_broken() -> Request:
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0, reason="INC-4211")
    return lifecycle.record_decision(a_request(terms=GLASS), alone)


def _cards() -> Iterator[Golden]:
    for name, request in (*_requests(), *_monitored()):
        ahead = 2 if request.state is RequestState.APPROVED else 0
        seen = View(now=1143.0, ahead=ahead, usual=40.0, until=1703.0)
        yield _message(f"card: {name}", *card(request, seen))
    for name, request, view_ in _related():
        yield _message(f"card: {name}", *card(request, view_))


def _related() -> Iterator[tuple[str, Request, View]]:
    """Cards that say something of other requests, with the most there can be."""
    others = tuple(
        Related(replace(in_state(state, *MANY[:n]), id=f"r-{n}"), LINK)
        for n, state in enumerate((RequestState.PENDING, RequestState.EXECUTING), start=1)
    )
    yield "pending, two beside it", in_state(RequestState.PENDING), View(now=0.0, beside=others)
    crowd = View(now=1143.0, beside=others * 2)
    yield "executing, many beside it", in_state(RequestState.EXECUTING), crowd
    void = in_state(RequestState.VOID, reason=REASON)
    yield "void, by another request", void, View(now=0.0, voided_by=others[0])
    for state in (RequestState.PENDING, RequestState.RESTORED, RequestState.REJECTED):
        back = Related(in_state(state, operation=Operation.RESTORE), LINK)
        name = f"deleted, its restoration is {state.value}"
        yield name, in_state(RequestState.DELETED), View(now=0.0, rollback=back)


def _direct() -> Iterator[Golden]:
    for name, request in _requests():
        yield _message(f"direct: {name}", *direct_message(request, "U0DORA", LINK))
    one_of_two = lifecycle.record_decision(a_request(terms=TYPED), decided(Verdict.APPROVED))
    yield _message("direct: to whoever approved", *direct_message(one_of_two, BOB, LINK))
    called = reminders.called(a_request(*MANY, reason=REASON), 1000.0, 5)
    if message := line(called, called.timeline[-1]):
        yield _message("line: others are called", *message)


def _lines() -> Iterator[Golden]:
    told: dict[EventKind, Golden] = {}
    for request in (*(r for _, r in _requests()), *_watched()):
        for event in request.timeline:
            if message := line(request, event):
                told.setdefault(event.kind, _message(f"line: {event.kind.value}", *message))
    yield from told.values()


def _monitored() -> Iterator[tuple[str, Request]]:
    """Requests whose connection is watched after the change."""
    up = Tunnel(id="tun-1", status="ipsec_sa_established", up=True)
    connection = replace(a_snapshot(a_route()).connection, tunnels=(up,))
    changed = in_state(RequestState.DELETED, snapshot=a_snapshot(a_route(), connection=connection))
    down = replace(connection, tunnels=(replace(up, status=REASON, up=False),))
    worse = monitoring.observe(changed, 1200.0, down)
    yield "deleted, watching the tunnels", changed
    yield "deleted, as before in the end", monitoring.end(changed, 1800.0)
    yield "deleted, a tunnel is down", worse
    yield "deleted, a tunnel is down in the end", monitoring.end(worse, 1800.0)
    better = monitoring.observe(worse, 1300.0, connection)
    yield "deleted, a tunnel was down", monitoring.end(better, 1800.0)


def _watched() -> Iterator[Request]:
    """Requests with what follows beside the execution."""
    yield from (request for _, request in _monitored())
    yield reminders.remind(a_request(reason=REASON), 1900.0, [BOB, "U0CAROL"])
    yield countersignatures.remind(_glass_broken(), 9e4)
    yield in_state(RequestState.FAILED, *MANY[:2])
    executing = in_state(RequestState.EXECUTING)
    yield replace(executing, timeline=(*executing.timeline, *_rare(executing)))


def _rare(request: Request) -> Iterator[Event]:
    """What happens seldom, with the most that could be said of it."""
    kinds = (
        *(EventKind.WAITING, EventKind.ANSWER_LOST, EventKind.RECONCILED, EventKind.TROUBLE),
        *(EventKind.COUNTERSIGNED, EventKind.TERMS_CHANGED),
    )
    said = {"what": REASON, "meaning": REASON, "code": "Vco.StatusNotSupport"}
    for kind in kinds:
        yield Event(kind=kind, at=1200.0, by=BOB, route=request.routes[0].route, details=said)


def _answers() -> Iterator[Golden]:
    offered = PreviewError(REASON, "Choose one.", ("delete vco-1 10.0.0.0/24 --weight 0",) * 5)
    yield _message("answer: choices", problem(offered), choices(offered))
    wrong = CommandError("Unknown command `delte`.", word="delte", corrected="/vco-route delete")
    yield _message("answer: did you mean", problem(wrong), choices(wrong))
    unclear = _unclear("/vco-route list vco-1")
    yield _message("answer: connections", problem(unclear), choices(unclear))
    rows = [(Found(r), CardState(link=LINK)) for _, r in _requests()]
    yield _message("answer: history", *history(HistoryFound(rows, 3, 1, 2000), "10.0.0.0/8"))
    yield _message("answer: no history", *history(HistoryFound([]), REASON))
    yield from _lists()
    for name, request in _requests():
        stored = Stored(request, rev=7, audit="42 0123456789abcdef")
        yield _message(f"answer: receipt, {name}", *receipt(stored, CardState(link=LINK)))


def _lists() -> Iterator[Golden]:
    connection = replace(a_snapshot(LONG).connection, name=REASON)
    learned = replace(live(LONG), kind=RouteKind.BGP)
    elsewhere = live(replace(LONG, next_hop="vpn-" + "x" * 25), state=REASON[:40])
    for name, some in (
        ("none", ()),
        ("one", (learned,)),
        ("two", (learned, elsewhere)),
        ("sixty", (elsewhere,) * 60),
    ):
        seen = listed(some, bgp_known=False)
        yield _message(f"answer: list, {name}", *routes(connection, seen))


def _unclear(command: str) -> Unclear:
    """As many connections as are ever offered, with hostile names."""
    about = f"{REASON[:100]} · `vco-p0w5112fgnl2ihlmf7k3qd` · cn-hangzhou · attached"
    return Unclear(REASON, "The nearest are these:", (Offer(command, about),) * 5)


def _views() -> Iterator[Golden]:
    values = tuple(map(route_value, MANY))
    connection = replace(a_snapshot(MANY[0]).connection, name=REASON[:60])
    filled = Form(region=connection.region, connection=connection.vpn_connection_id, routes=values)
    seen = ConnectionRoutes(connection, listed(map(live, MANY)))
    yield Golden("form: new", "view", delete_form(Form(asking=True)))
    yield Golden("form: filled in", "view", delete_form(filled, seen))
    protected = tuple(ProtectedPrefix(block=r.network, shortest=24, longest=32) for r in MANY)
    rule = Rule(name=REASON, approve=People(groups=("S0NETOPS",)), protected=protected)
    for name, what in (("protected", filled), ("what it needs", replace(filled, routes=()))):
        form = delete_form(what, seen, policy=Policy(rules=(rule,)), channel="C0NETOPS")
        yield Golden(f"form: {name}", "view", form)
    typing = Form(typing=True, region="cn-hangzhou", asking=True)
    yield Golden("form: looking", "view", lookup_form(Form(asking=True), REASON))
    unclear = _unclear("cn-hangzhou|vco-p0w5112fgnl2ihlmf7k3qd")
    yield Golden("form: connections", "view", lookup_form(Form(), unclear.problem, unclear))
    yield Golden("form: typed", "view", delete_form(typing, why="It does not answer."))
    for name, request in _requests():
        yield Golden(f"form: reject, {name}", "view", reject_form(request))
        if can_roll_back(request):
            yield Golden(f"form: restore, {name}", "view", restore_form(request))
    broken = _glass_broken()
    yield Golden("form: countersign, in flight", "view", countersign_form(broken))
    over = replace(in_state(RequestState.DELETED), decisions=broken.decisions)
    yield Golden("form: countersign, ended", "view", countersign_form(over))
    yield Golden("form: break-glass, looking", "view", looking_form(REASON[:100]))
    yield Golden("form: break-glass, failed", "view", failed_form(problem(_unclear("/vco-route"))))
    wide = a_request(terms=replace(TYPED, countersign=7200.0), reason=REASON)
    for name, request in (("wide", wide), ("twenty routes", a_request(*MANY, terms=GLASS))):
        command = "/vco-route delete vco-1 10.0.0.0/8 --break-glass"
        yield Golden(f"form: break-glass, {name}", "view", confirm_form(request, command))
    yield Golden("form: approve", "view", approve_form(a_request(terms=TYPED)))
    rows = tuple(
        Row(replace(r, id=f"r-{n}"), CardState(link=LINK)) for n, (_, r) in enumerate(_requests())
    )
    fallen = tuple(Row(replace(r, id="r-down"), CardState(link=LINK)) for _, r in _monitored())
    board = AppHomeData(rows + fallen, {"S0NETOPS": frozenset({BOB})}, ("r-newer",))
    for name, user in (("approver", BOB), ("requester", ALICE), ("bystander", "U0DORA")):
        yield Golden(f"home: {name}", "view", view(board, user))
    yield Golden("home: empty", "view", view(AppHomeData(), BOB))
    yield Golden(
        "home: closed",
        "view",
        closed(Refused(REASON, "Ask a full member.", reason=RefusalReason.NOT_A_MEMBER)),
    )
