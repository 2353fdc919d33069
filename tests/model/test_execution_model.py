"""Execution against a model of the cloud: any order of clicks, steps, kills and late answers.

`ExecutionMachine` checks after each thing that happens what the cloud, the records and the
audit say. That its checks and the safety mechanisms matter is shown as well: with one of these
switched off, a scene made for it finds the violation.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from model_cloud import Answer, Place
from model_machine import ROUTES, ExecutionMachine
from msgspec.structs import replace

from bot.execution import send, verify
from bot.execution.context import in_hand
from bot.lifecycle import route_change
from bot.models import Operation, Request, RouteChange, Verdict
from bot.store import Requests

SEARCH = settings(
    max_examples=settings().max_examples // 2,
    stateful_step_count=30,
    derandomize=True,
    database=None,
)


@pytest.mark.parametrize("operation", Operation)
def test_whatever_happens_in_whatever_order_nothing_is_lost_or_doubled(
    valkey_url: str, operation: Operation
) -> None:
    run_state_machine_as_test(partial(ExecutionMachine, valkey_url, operation), settings=SEARCH)  # type: ignore[arg-type] # any callable will do


def zombie_hears_no(machine: ExecutionMachine) -> None:
    """A worker is held up with a refusal on its way; the one after it is not refused."""
    machine.begin([(ROUTES[0],)])
    zombie = machine.work_and_hear(Answer.REJECTED, Place.ANSWER)
    machine.take_over()
    assert len(machine.cloud.effects) == 1
    machine.resume(zombie)


def send_again(machine: ExecutionMachine) -> None:
    """A call is lost on its way, and so done again."""
    machine.begin([(ROUTES[0],)])
    machine.work_and_hear(Answer.LOST_BEFORE)
    machine.time_passes(2.0)
    machine.work()
    assert len(machine.cloud.calls) == 2


def look_before_the_task_starts(machine: ExecutionMachine) -> None:
    """The first read after a send still sees the old `attached`, and the route."""
    machine.begin([(ROUTES[0],)])
    machine.work()
    machine.time_passes(1.0)
    machine.work()


def stop_after_a_lost_answer(machine: ExecutionMachine) -> None:
    """A deletion works, its answer is lost, and somebody stops it."""
    id_ = machine.ask((ROUTES[0],))
    machine.click(id_, Verdict.APPROVED)
    machine.work_and_hear(Answer.LOST_AFTER)
    machine.click(id_, Verdict.STOPPED)


def stop_during_a_send(machine: ExecutionMachine) -> None:
    """A worker has read all and is about to record its send, and somebody is quicker."""
    id_ = machine.ask((ROUTES[0],))
    machine.click(id_, Verdict.APPROVED)
    worker = machine.work(Place.WRITE)
    machine.click(id_, Verdict.STOPPED)
    machine.check()
    machine.resume(worker)


def two_clicks_at_once(machine: ExecutionMachine) -> None:
    """Somebody rejects what somebody else approves in that very moment."""
    id_ = machine.ask((ROUTES[0],))
    slow = machine.click(id_, Verdict.REJECTED, slow=True)
    machine.click(id_, Verdict.APPROVED)
    machine.check()
    machine.resume(slow)


Commit = Callable[..., Awaitable[int]]


def commits(monkeypatch: pytest.MonkeyPatch, changed: Callable[[Commit], Commit]) -> None:
    """Let every write to a record be `changed`."""
    monkeypatch.setattr(Requests, "_commit", changed(Requests._commit))  # noqa: SLF001 - no other way to break it


def without_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unfenced(commit: Commit) -> Commit:
        return lambda *args, **more: commit(*args, **(more | {"claim": None}))

    commits(monkeypatch, unfenced)


def with_a_token_for_each_send(monkeypatch: pytest.MonkeyPatch) -> None:
    send = route_change.send

    def forgetful(request: Request, at: float) -> Request:
        routes = (replace(r, client_token="") for r in request.routes)
        return send(replace(request, routes=tuple(routes)), at)

    monkeypatch.setattr(route_change, "send", forgetful)
    monkeypatch.setattr(route_change, "client_token", lambda *_: f"vco-{uuid4().hex}")


def with_attached_as_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "proven", lambda watch: watch.state == "attached")


def without_compare_and_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def overwriting(commit: Commit) -> Commit:
        async def overwrite(
            requests: Requests,
            old: Request | None,
            new: Request,
            rev: int,
            **more: Any,  # noqa: ANN401 - passed on
        ) -> int:
            while not (written := await commit(requests, old, new, rev, **more)):
                stored = await requests.get(new.id)
                assert stored is not None
                rev = stored.rev
            return written

        return overwrite

    commits(monkeypatch, overwriting)


def with_a_stop_whatever_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RouteChange, "perhaps_accepted", False)


def with_a_send_whatever_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def recorded(request: Request) -> RouteChange:
        route = in_hand(request)
        return replace(route, in_flight=True) if request.stopped else route

    monkeypatch.setattr(send, "in_hand", recorded)


MECHANISMS = {
    "stop": (with_a_stop_whatever_was_sent, stop_after_a_lost_answer, "done, and told as queued"),
    "stop and send": (
        with_a_send_whatever_was_stopped,
        stop_during_a_send,
        "done, and told as queued",
    ),
    "fence": (without_fence, zombie_hears_no, "done, and told as failed"),
    "token": (with_a_token_for_each_send, send_again, "two tokens"),
    "proof": (with_attached_as_proof, look_before_the_task_starts, "told as deleted"),
    "compare-and-set": (without_compare_and_set, two_clicks_at_once, "rewritten"),
}


def play(url: str, scene: Callable[[ExecutionMachine], None]) -> None:
    """One order of things, checked on the way and to its end."""
    machine = ExecutionMachine(url)
    try:
        scene(machine)
        machine.check()
    except AssertionError:
        machine.close()
        raise
    machine.teardown()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_mechanism_is_what_keeps_its_scene_safe(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    switch_off, scene, violation = MECHANISMS[mechanism]
    play(valkey_url, scene)
    switch_off(monkeypatch)
    with pytest.raises(AssertionError, match=violation):
        play(valkey_url, scene)
