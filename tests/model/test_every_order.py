"""Every order of everything that can happen in a small world: G1 to G6 hold in all of it.

What a mechanism is worth is shown as well: with it switched off, the search finds what it is for.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from builders import ALICE, BOB, CAROL
from model_predicates import explore
from model_world import LIMITS, Hands, World, world
from msgspec.structs import replace

from bot.approval.eligibility import Eligibility
from bot.execution import context, send, verify
from bot.execution import executor as handler
from bot.lifecycle import route_change
from bot.lifecycle.proof import fold
from bot.models import Observation, Request, RouteChange, RouteState, Verdict, Watch

YES, NO = (BOB, Verdict.APPROVED), (CAROL, Verdict.REJECTED)
SELF, WITHDRAW = (ALICE, Verdict.APPROVED), (ALICE, Verdict.CANCELLED)

STOP = (ALICE, Verdict.STOPPED)
STRANGER = ("U0DORA", Verdict.STOPPED)

WORLDS = {
    "decision and expiry": world(clicks=(YES, NO, WITHDRAW, SELF), ticks=2),
    "two approvals": world(clicks=(YES, (CAROL, Verdict.APPROVED), SELF), approvals=2, ticks=1),
    "lost answer and give-up": world(faults=1, surrenders=1, ticks=3),
    "two routes, lost answer": world(routes=2, faults=1, ticks=1),
    "two routes, drift": world(routes=2, drifts=1, crashes=1, ticks=1),
    "takeover and late answer": world(takeovers=1, faults=1),
    "two routes, takeover": world(routes=2, takeovers=1),
    "a listing that flaps": world(flaps=1, ticks=1, crashes=1),
    "a listing that flaps, of a task that does nothing": world(alternations=4, silent=1, ticks=3),
    "a stop, and an answer that is lost": world(clicks=(STOP, STRANGER), faults=1, ticks=2),
    "two routes, and a stop": world(routes=2, clicks=(STOP,), faults=1, crashes=1),
    "a stop, and a takeover": world(clicks=(STOP,), takeovers=1, faults=1),
    "a stop, and drift": world(routes=2, clicks=(STOP,), drifts=1, ticks=1),
    "a task that does nothing": world(silent=1, crashes=1, ticks=3),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nobody reads the logs of a hundred thousand steps."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("name", WORLDS)
async def test_in_every_order_everything_holds(name: str) -> None:
    found = await explore(WORLDS[name])
    assert not found.violation, (found.violation, *found.way)
    assert found.states > 500, "what is explored is no small world any more"


def without_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hands, "fenced", False)


def without_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hands, "compared", False)


def with_attached_as_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "proven", lambda watch: watch.state == "attached")


def with_one_read_as_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "proven", lambda watch: watch.settled_reads > 0)


def with_contradictions_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forgetful(watch: Watch, seen: Observation, *, present: bool = False) -> Watch:
        return replace(fold(watch, seen, present=present), contradicted=False)

    patch.setattr("bot.lifecycle.route_change.fold", forgetful)


def with_a_token_for_each_send(patch: pytest.MonkeyPatch) -> None:
    send = route_change.send

    def forgetful(request: Request, at: float) -> Request:
        sends = sum(route.sends for route in request.routes)
        patch.setattr(route_change, "client_token", lambda *_: f"token-{sends}")
        routes = (replace(route, client_token="") for route in request.routes)
        return send(replace(request, routes=tuple(routes)), at)

    patch.setattr(route_change, "send", forgetful)


def with_resends_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("model_world.LIMITS", replace(LIMITS, token_window=1e9))


def with_a_stop_whatever_was_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RouteChange, "perhaps_accepted", False)


def with_a_send_whatever_was_stopped(patch: pytest.MonkeyPatch) -> None:
    """The step does not look whether its send was recorded."""
    in_hand = context.in_hand

    def recorded(request: Request) -> RouteChange:
        route = in_hand(request)
        return replace(route, in_flight=True) if request.stopped else route

    patch.setattr(send, "in_hand", recorded)


def with_self_approval(patch: pytest.MonkeyPatch) -> None:
    async def anybody(*_: object) -> None:
        """May decide."""

    patch.setattr(Eligibility, "check", anybody)


def without_approval_before_a_send(patch: pytest.MonkeyPatch) -> None:
    """One of two approvals is taken for enough."""
    patch.setattr("bot.lifecycle.request.missing", lambda _: 0)
    patch.setattr(send, "approved_by", lambda _: ())


def without_expiry(patch: pytest.MonkeyPatch) -> None:
    """People's clicks come before the expiry, whenever they come."""

    async def early(_: Hands) -> float:
        return 1.0

    patch.setattr(Hands, "now", early)


def with_an_expiry_that_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        """Look at it no more."""

    patch.setattr(handler.Execution, "_expire", never)


def without_drift(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(send, "drift", lambda *_, **__: None)


def with_failure_for_doubt(patch: pytest.MonkeyPatch) -> None:
    def end(request: Request, at: float, _: object) -> Request:
        return route_change.end(request, at, RouteState.FAILED, None)

    patch.setattr(handler, "give_up", end)
    patch.setattr(context, "give_up", end)


def without_words(patch: pytest.MonkeyPatch) -> None:
    """An end changes the record and tells nobody."""
    end = route_change.end

    def silent(request: Request, *args: object) -> Request:
        return replace(end(request, *args), timeline=request.timeline)  # type: ignore[arg-type] # passed on

    patch.setattr(route_change, "end", silent)


BREAKS: dict[Callable[[pytest.MonkeyPatch], None], tuple[World, str]] = {
    without_fence: (WORLDS["takeover and late answer"], "G"),
    without_compare_and_set: (WORLDS["decision and expiry"], "G1: "),
    with_attached_as_proof: (WORLDS["two routes, lost answer"], "G4: told as deleted"),
    with_one_read_as_proof: (WORLDS["a listing that flaps"], "G4: told as deleted"),
    with_contradictions_forgotten: (
        WORLDS["a listing that flaps, of a task that does nothing"],
        "G4: told as deleted",
    ),
    with_a_token_for_each_send: (WORLDS["lost answer and give-up"], "G2: "),
    with_resends_for_ever: (world(faults=1, silent=1, ticks=3), "G2: two effects"),
    with_a_stop_whatever_was_sent: (WORLDS["a stop, and an answer that is lost"], "G1: sent"),
    with_a_send_whatever_was_stopped: (WORLDS["a stop, and drift"], "G1: sent without"),
    with_self_approval: (WORLDS["decision and expiry"], "G1: approved by U0ALICE"),
    without_approval_before_a_send: (WORLDS["two approvals"], "G1: "),
    without_expiry: (WORLDS["decision and expiry"], "G1: decided after it had expired"),
    with_an_expiry_that_is_forgotten: (WORLDS["decision and expiry"], "G4: pending"),
    without_drift: (WORLDS["two routes, drift"], "G6: "),
    with_failure_for_doubt: (WORLDS["lost answer and give-up"], "G4: done by us"),
    without_words: (WORLDS["lost answer and give-up"], "G5: "),
}


@pytest.mark.parametrize("switch_off", BREAKS, ids=lambda f: f.__name__)
async def test_a_mechanism_that_is_off_is_missed(
    monkeypatch: pytest.MonkeyPatch, switch_off: Callable[[pytest.MonkeyPatch], None]
) -> None:
    start, violation = BREAKS[switch_off]
    switch_off(monkeypatch)
    found = await explore(start)
    assert found.violation.startswith(violation), found


@pytest.mark.parametrize("page", ["README.md", "docs/guarantees.md"])
def test_the_pages_say_how_many_mechanisms_that_is(page: str) -> None:
    text = " ".join((Path(__file__).parents[2] / page).read_text().split())
    assert f"{len(BREAKS)} mechanisms switched off" in text
