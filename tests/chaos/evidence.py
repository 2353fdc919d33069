"""What the records say after a round: the API's, Slack's, the audit's, the people's journal."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bot.models import Event, EventKind, RequestState, RouteState, VcoRoute
from bot.sandbox.slack.messages import Message
from bot.sandbox.vpc.service import Call
from bot.slack.posted import DIRECT
from bot.store import Audit
from bot.store.audit import verify
from chaos.people import People, request_of
from chaos.world import World

DECISIONS = {
    EventKind.APPROVED: RequestState.APPROVED,
    EventKind.REJECTED: RequestState.REJECTED,
    EventKind.CANCELLED: RequestState.CANCELLED,
    EventKind.STOPPED: RequestState.CANCELLED,
    EventKind.EXPIRED: RequestState.EXPIRED,
}


class Case(msgspec.Struct, kw_only=True):
    """One request as the audit tells of it, and what Slack shows of it."""

    id: str
    events: list[Event]
    asked: int = 1
    """How many routes it is about."""
    cards: list[Message] = []
    lines: list[Message] = []
    direct: list[Message] = []
    """What its approvers were sent directly."""

    @property
    def messages(self) -> list[Message]:
        """All that Slack shows of it."""
        return [*self.cards, *self.lines, *self.direct]

    @property
    def requester(self) -> str:
        """Who asked."""
        return next((e.by for e in self.events if e.kind is EventKind.SUBMITTED), "")

    @property
    def decisions(self) -> list[Event]:
        """All decisions on record; there may be one."""
        return [e for e in self.events if e.kind in DECISIONS]

    @property
    def sendings(self) -> list[Event]:
        """What was recorded before sends."""
        return [e for e in self.events if e.kind is EventKind.SENDING]

    @property
    def given_up(self) -> Iterator[tuple[str, float]]:
        """The connections where a change could not be proven in time, and when that was told."""
        for event in self.events:
            if event.route and event.details.get("state") == RouteState.UNCONFIRMED:
                yield event.route.vpn_connection_id, event.at

    @property
    def routes(self) -> dict[VcoRoute, tuple[RouteState, float]]:
        """How each route ended that was taken in hand, and when."""
        ends: dict[VcoRoute, tuple[RouteState, float]] = {}
        for event in self.events:
            if event.route is None:
                continue
            if event.kind is EventKind.ROUTE_ENDED:
                ends[event.route] = (RouteState(event.details["state"]), event.at)
            elif event.kind is EventKind.RECONCILED:
                ends[event.route] = (RouteState.DELETED, event.at)
        return ends

    @property
    def state(self) -> RequestState:
        """What all these events come to."""
        state = RequestState.PENDING
        for event in self.events:
            if event.kind in DECISIONS:
                state = DECISIONS[event.kind]
            elif event.kind is EventKind.SENDING:
                state = RequestState.EXECUTING
            elif event.kind is EventKind.DRIFTED:
                state = RequestState.VOID  # else it says next how it ended
            elif event.kind is EventKind.ENDED:
                state = RequestState(event.details["state"])
            elif event.kind is EventKind.RECONCILED:
                state = self._reconciled()
        return state

    def _reconciled(self) -> RequestState:
        ends = {state for state, _ in self.routes.values()}
        if RouteState.UNCONFIRMED in ends:
            return RequestState.UNCONFIRMED
        # A request stops at its unconfirmed route: what came after it was not sent.
        whole = ends == {RouteState.DELETED} and len(self.routes) == self.asked
        return RequestState.DELETED if whole else RequestState.FAILED


class Evidence(msgspec.Struct, kw_only=True):
    """Everything that a round left behind."""

    world: World
    people: People
    changed_elsewhere: dict[str, set[str]]
    cases: dict[str, Case]
    logs: list[dict[str, Any]]
    unread: list[str]
    """Log lines that are no JSON, such as tracebacks."""
    chain: str
    """What is wrong with the chain of the audit, if anything."""

    @property
    def sends(self) -> list[Call]:
        """All calls for a deletion that arrived."""
        return self.world.vpc.calls_of("DeleteVcoRouteEntry")

    @property
    def effects(self) -> int:
        """How many deletions the API took on."""
        return sum(call.effect for call in self.sends)

    @property
    def moved(self) -> int:
        """Grows with whatever is recorded or shown."""
        shown = sum(len(x.past) + 1 for c in self.cases.values() for x in c.messages)
        return shown + sum(len(case.events) for case in self.cases.values())

    def sends_with(self, tokens: set[str]) -> list[Call]:
        """The calls that bore one of these tokens."""
        return [call for call in self.sends if call.client_token in tokens]

    def elsewhere(self, route: VcoRoute) -> bool:
        """Whether somebody else has removed or replaced this route."""
        return route.route_dest in self.changed_elsewhere.get(route.vpn_connection_id, ())

    def stumbles(self, case: str) -> int:
        """How many steps of the telling of a request did not come to their end, as logged."""
        items = (f"tell:{case}", f"dm:{case}")
        names = ("step_failed", "store_unavailable", "claim_lost")
        return sum(1 for x in self.logs if x.get("item") in items and x.get("event") in names)


async def gather(world: World, people: People, elsewhere: dict[str, set[str]]) -> Evidence:
    """Read all records."""
    events: defaultdict[str, list[Event]] = defaultdict(list)
    chain = await _chain(world.store.audit)
    for request, event in await world.store.audit.events():
        events[request].append(event)
    cases = {r: Case(id=r, events=found) for r, found in events.items()}
    slack = world.slack
    for channel in slack.workspace.channels:
        for message in slack.messages(channel):
            case = cases.get(request_of(message))
            if case is not None and not message.ephemeral_to:
                case.cards.append(message)
            if called := cases.get(request_of(message, DIRECT)):
                called.direct.append(message)
    for case in cases.values():
        found = [x for card in case.cards for x in slack.thread(card.channel, card.ts)]
        case.lines = sorted(found, key=lambda line: line.ts)
    for ask in world.plan.asks:
        for card in people.cards(ask.label):
            if case := cases.get(request_of(card)):
                case.asked = len(ask.routes)
    logs, unread = _logs(world.directory)
    return Evidence(
        world=world,
        people=people,
        changed_elsewhere=elsewhere,
        cases=cases,
        logs=logs,
        unread=unread,
        chain=chain,
    )


async def _chain(audit: Audit) -> str:
    head = await audit.head()
    entries = [entry async for entry in audit.entries()]
    # Where something came in between, there will be another look.
    return verify(entries, head).problem if head == await audit.head() else ""


def _logs(directory: Path) -> tuple[list[dict[str, Any]], list[str]]:
    lines: list[dict[str, Any]] = []
    unread: list[str] = []
    for path in sorted(directory.glob("bot*.log")):
        for line in path.read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                unread.append(line)
    return lines, unread
