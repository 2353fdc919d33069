"""What must hold after every round, whatever went wrong: safety. Pure, but for reading records.

Each function yields what is wrong, in words. Nothing rests on what the bot says about itself:
the API's record says what was done, Slack's what was shown, the journal who clicked, and the
audit what was recorded.
"""

from collections.abc import Iterator
from math import inf

from bot.models import EventKind, RequestState, RouteState, VcoRoute, Verdict
from bot.sandbox.scene import BOT_TOKEN, SIGNING_SECRET
from bot.sandbox.vpc import SECRET_MARKERS, seed
from bot.sandbox.vpc.service import Call
from bot.sandbox.vpc.world import Task
from chaos.evidence import Case, Evidence
from chaos.plan import APPROVERS, Kind

_SECRETS = (*SECRET_MARKERS, BOT_TOKEN, SIGNING_SECRET, seed.ACCESS_KEY_SECRET)
_UNSENT = (RequestState.PENDING, RequestState.REJECTED, RequestState.EXPIRED)
_UNACCEPTED = (RequestState.CANCELLED, RequestState.VOID)
"""Where something may have been sent, and was refused."""
_EXPECTED_ERRORS = frozenset({"payload_not_stored", "request_given_up"})
"""Events that the bot logs as errors when it is treated like this."""

_CLOCK = 0.05
"""Seconds by which two clocks of one machine may seem to differ."""

_FORBIDDEN_ERRORS = frozenset({"store_refused", "store_fault"})
"""What it logs besides where a command is forbidden."""

_MIXED_ERRORS = frozenset({"unknown_item"})
"""What the version before logs of work that it leaves to this one."""

_FAILOVER_ERRORS = _FORBIDDEN_ERRORS | {"store_went_back", "due_lost", "record_lost"}
"""What it logs where a failover has forgotten what it had seen: that is to be an alarm."""


def safety(found: Evidence) -> Iterator[str]:
    """Everything that must hold at the end, and at any other time."""
    for case in found.cases.values():
        yield from _one_token_and_effect(found, case)
        yield from _approved(found, case)
        yield from _sent_is_true(found, case)
        yield from _ends_are_true(found, case)
    yield from _recorded_first(found)
    yield from _one_change_at_a_time(found)
    yield from _no_secrets(found)
    yield from _nobody_died(found)
    if found.chain:
        yield f"the audit: {found.chain}"


def tokens_of(case: Case, route: VcoRoute | None = None) -> set[str]:
    """The ClientTokens that were recorded for a request, or for one of its routes."""
    return {e.details["client_token"] for e in case.sendings if route is None or e.route == route}


def effects_of(found: Evidence, case: Case, route: VcoRoute) -> list[Call]:
    """The calls of a request that took effect on a route."""
    return [call for call in found.sends_with(tokens_of(case, route)) if call.effect]


def _one_token_and_effect(found: Evidence, case: Case) -> Iterator[str]:
    for route in {e.route for e in case.sendings if e.route is not None}:
        tokens = tokens_of(case, route)
        calls = found.sends_with(tokens)
        if len(tokens) > 1:
            yield f"{case.id}: {len(tokens)} ClientTokens for {route.route_dest}"
        if len(effects := effects_of(found, case, route)) > 1:
            yield f"{case.id}: {len(effects)} effects on {route.route_dest}"
        if any(call.params != calls[0].params for call in calls):
            yield f"{case.id}: {route.route_dest} was sent with different parameters"
        if any(_route(call) != route for call in calls):
            yield f"{case.id}: what was sent is not {route.route_dest} as recorded"


def _route(call: Call) -> VcoRoute:
    return VcoRoute(
        vpn_connection_id=call.vpn_connection_id,
        route_dest=call.params["RouteDest"],
        next_hop=call.params["NextHop"],
        weight=int(call.params["Weight"]),
    )


def _recorded_first(found: Evidence) -> Iterator[str]:
    slack = _slack_of(found)
    recorded: dict[str, float] = {}
    for case in found.cases.values():
        for event in case.sendings:
            recorded.setdefault(event.details["client_token"], event.at)
    for call in found.sends:
        at = recorded.get(call.client_token)
        if at is None or at > call.at + slack:
            yield f"a deletion of {call.summary} was sent that was not recorded first"


def _slack_of(found: Evidence) -> float:
    """Seconds by which the store's clock and ours may differ in this round."""
    jumps = (f.seconds for f in found.world.plan.faults if f.kind is Kind.CLOCK_JUMPED)
    return _CLOCK + sum(map(abs, jumps))


def _approved(found: Evidence, case: Case) -> Iterator[str]:
    slack = _slack_of(found)
    decisions = case.decisions
    stopped = [d.kind for d in decisions[1:]] == [EventKind.STOPPED]
    if len(decisions) > 1 and not (stopped and decisions[0].kind is EventKind.APPROVED):
        yield f"{case.id}: decided {len(decisions)} times: {[str(d.kind) for d in decisions]}"
    calls = found.sends_with(tokens_of(case))
    if case.state in _UNSENT and calls:
        yield f"{case.id}: {case.state}, and sent {len(calls)} times"
    if case.state in _UNACCEPTED and any(call.effect for call in calls):
        yield f"{case.id}: {case.state}, and something of it was done"
    yield from _stopped(found, case)
    approvals = [d for d in decisions if d.kind is EventKind.APPROVED]
    if calls and not approvals:
        yield f"{case.id}: sent without an approval"
    for approval in approvals:
        clicks = [
            c
            for c in found.people.clicked
            if (c.request, c.who, c.verdict) == (case.id, approval.by, Verdict.APPROVED)
            and c.at <= min((call.at for call in calls), default=approval.at) + slack
        ]
        if approval.by not in APPROVERS or approval.by == case.requester:
            yield f"{case.id}: approved by {approval.by}, who may not"
        if not clicks:
            yield f"{case.id}: approved by {approval.by}, who never clicked"


def _stopped(found: Evidence, case: Case) -> Iterator[str]:
    """Whoever stopped it clicked, and may."""
    for event in case.events:
        if event.kind is not EventKind.STOPPED:
            continue
        if event.by not in (*APPROVERS, case.requester):
            yield f"{case.id}: stopped by {event.by}, who may not"
        clicks = ((c.request, c.who, c.verdict) for c in found.people.clicked)
        if (case.id, event.by, Verdict.STOPPED) not in clicks:
            yield f"{case.id}: stopped by {event.by}, who never clicked"


def _sent_is_true(found: Evidence, case: Case) -> Iterator[str]:
    """An answer on record is the answer to a call for that very route."""
    for event in case.events:
        if event.kind is EventKind.SENT and event.route is not None:
            token = event.details["client_token"]
            calls = found.sends_with({token})
            answers = {call.alibaba_request_id for call in calls}
            # A repeated call is answered with the first answer, and bears that one's id.
            if event.details["alibaba_request_id"] not in answers:
                yield f"{case.id}: {event.route.route_dest} bears the answer to another call"


def _ends_are_true(found: Evidence, case: Case) -> Iterator[str]:
    for route, (state, at) in case.routes.items():
        effects = effects_of(found, case, route)
        where = f"{case.id}: {route.route_dest} is told {state}"
        if state is RouteState.DELETED:
            gone = [t for t in _tasks(found, route) if t.effect_at <= at + _slack_of(found)]
            if not gone and not found.elsewhere(route):
                yield f"{where}, and was not gone then"
            if found.world.vpc.route_present(route) and not found.elsewhere(route):
                yield f"{where}, and is there"
        elif state in (RouteState.FAILED, RouteState.ALREADY_GONE) and effects:
            yield f"{where}, and was deleted by us"


def _tasks(found: Evidence, route: VcoRoute) -> list[Task]:
    return [t for t in found.world.vpc.service.world.accepted if t.record.route == route]


def _one_change_at_a_time(found: Evidence) -> Iterator[str]:
    given_up: dict[str, float] = {}
    for case in found.cases.values():
        for route, at in case.given_up:
            given_up[route] = min(at, given_up.get(route, at))
    for call in found.world.vpc.overlaps():
        # Where somebody else takes our route away meanwhile, it is proven gone before the task
        # that was to delete it has ended; what follows is refused, waits, and changes nothing.
        if call.vpn_connection_id in found.changed_elsewhere and not call.effect:
            continue
        # What could not be proven in time may still be at work; the next one is refused and waits.
        since = given_up.get(call.vpn_connection_id, inf)
        if since <= call.at + _slack_of(found) and not call.effect:
            continue
        yield f"a deletion of {call.summary} was sent while another change ran"


def _no_secrets(found: Evidence) -> Iterator[str]:
    slack = found.world.slack
    places = {
        "Redis": bytes(found.world.proxy.sent).decode(errors="replace"),
        "Slack": "\n".join(str(r.args) for r in slack.requests),
        "the logs": "\n".join([*map(str, found.logs), *found.unread]),
        "the audit": "\n".join(str(e) for case in found.cases.values() for e in case.events),
    }
    for place, text in places.items():
        for number, secret in enumerate(_SECRETS):
            if secret in text:
                yield f"secret number {number} is in {place}"


def _nobody_died(found: Evidence) -> Iterator[str]:
    expected = _EXPECTED_ERRORS
    if Kind.REDIS_FORBIDS in found.world.plan.kinds:
        expected |= _FORBIDDEN_ERRORS
    if Kind.FAILOVER in found.world.plan.kinds:
        expected |= _FAILOVER_ERRORS
    if found.world.mixed:
        expected |= _MIXED_ERRORS
    for bot in found.world.bots:
        for status in bot.deaths:
            yield f"a bot ended by itself, with status {status}"
    for line in found.logs:
        error = line.get("level") in ("error", "critical")
        if "exception" in line or (error and line.get("event") not in expected):
            yield f"a log says: {line.get('event')} {str(line.get('exception', ''))[-600:]}"
    if found.unread:
        yield f"a log has lines of its own: {' / '.join(found.unread[-3:])}"
