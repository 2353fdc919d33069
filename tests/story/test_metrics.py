"""What is counted while a request lives, and what the gauges say of what waits."""

from pathlib import Path

import aiohttp
import pytest
from stage import DELETE, Stage

from bot.config.settings import Settings
from bot.metrics import REGISTRY
from bot.models import RequestState
from bot.sandbox.slack.workspace import ALICE, BOB
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.service.app import App


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Since:
    """How much counters have grown since it was made."""

    def __init__(self, *series: tuple[str, dict[str, str]]) -> None:
        self._before = {self._key(name, labels): value(name, **labels) for name, labels in series}

    def grown(self, name: str, **labels: str) -> float:
        return value(name, **labels) - self._before[self._key(name, labels)]

    @staticmethod
    def _key(name: str, labels: dict[str, str]) -> str:
        return f"{name}{sorted(labels.items())}"


STATES = ("pending", "approved", "executing", "deleted")
STAGES = ("card", "approval", "accepted", "ended", "told")


async def test_a_deletion_is_counted_at_each_of_its_stages(brisk: Stage) -> None:
    counted = Since(
        *(("vco_route_requests_total", {"state": state}) for state in STATES),
        *(("vco_route_stage_seconds_count", {"stage": stage}) for stage in STAGES),
        ("vco_route_decisions_total", {"verdict": "approved"}),
        ("vco_route_refusals_total", {"wanted": "approved", "reason": "own_request"}),
        ("vco_route_outcomes_total", {"state": "deleted"}),
        ("vco_route_cloud_calls_total", {"action": DELETE, "result": "ok"}),
        ("vco_route_slack_calls_total", {"method": "chat.postMessage", "result": "ok"}),
    )
    card = await brisk.ask()
    await brisk.approve(card, ALICE)
    await brisk.approve(card, BOB)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED
    await brisk.slack.until(
        lambda: counted.grown("vco_route_stage_seconds_count", stage="told") == 1
    )
    for state in STATES:
        assert counted.grown("vco_route_requests_total", state=state) == 1, state
    for stage in STAGES:
        assert counted.grown("vco_route_stage_seconds_count", stage=stage) == 1, stage
    assert counted.grown("vco_route_decisions_total", verdict="approved") == 1
    refused = {"wanted": "approved", "reason": "own_request"}
    assert counted.grown("vco_route_refusals_total", **refused) == 1
    assert counted.grown("vco_route_outcomes_total", state="deleted") == 1
    assert counted.grown("vco_route_cloud_calls_total", action=DELETE, result="ok") == 1
    assert counted.grown("vco_route_slack_calls_total", method="chat.postMessage", result="ok") > 1


async def test_a_call_that_the_cloud_refuses_is_counted_by_its_class(brisk: Stage) -> None:
    labels = {"action": DELETE, "result": "PermissionDenied"}
    counted = Since(("vco_route_cloud_calls_total", labels))
    brisk.vpc.faults.add(Fault(kind=FaultKind.ERROR, action=DELETE, code="Forbidden"))
    await brisk.until_ended(await brisk.approved(brisk.route))
    assert counted.grown("vco_route_cloud_calls_total", **labels) == 1


async def look(stage: Stage) -> None:
    app = App(Settings.from_env(stage.environment()))
    try:
        await app.statistics.look()
    finally:
        await app.close()


async def test_what_is_due_and_nobody_does_is_a_gauge(stage: Stage) -> None:
    await stage.store.work.wake("run:r-1")
    await stage.store.work.wake("run:r-2")
    await stage.store.work.wake("tell:r-1")
    await look(stage)
    assert value("vco_route_due", kind="run") == 2
    assert value("vco_route_due", kind="tell") == 1
    assert value("vco_route_due", kind="inbox") == 0
    assert value("vco_route_due_oldest_seconds", kind="run") > 0
    claim = await stage.store.work.claim(30)
    await look(stage)
    assert claim
    assert value("vco_route_due", kind="run") == 1, "what is worked on does not wait"


async def test_what_is_unconfirmed_has_an_age(hurried: Stage) -> None:
    await look(hurried)
    assert value("vco_route_unconfirmed_oldest_seconds") == 0
    hurried.vpc.faults.add(Fault(kind=FaultKind.STUCK, action=DELETE))
    await hurried.start_bot(operation_timeout=1)
    card = await hurried.approved(hurried.route)
    assert (await hurried.until_ended(card)).state is RequestState.UNCONFIRMED
    await look(hurried)
    assert value("vco_route_unconfirmed_oldest_seconds") > 0
    assert value("vco_route_open_requests") == 0


async def test_a_glass_that_was_broken_has_an_age_until_it_is_countersigned(
    hurried: Stage, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'[[rule]]\nname = "one"\napprove = ["{BOB}"]\nbreak_glass = {{ who = "anyone" }}\n'
    )
    await hurried.start_bot(VCO_POLICY_FILE=str(policy), VCO_APPROVERS="")
    route = hurried.route
    words = f'delete {route.vpn_connection_id} {route.route_dest} --reason "INC-1" --break-glass'
    await hurried.until_ended(await hurried.ask(words))
    await look(hurried)
    assert value("vco_route_uncountersigned_oldest_seconds") > 0


async def test_the_quota_that_is_left_is_a_gauge(stage: Stage) -> None:
    await look(stage)
    assert value("vco_route_cloud_quota_left_ratio", action=DELETE) == 1.0


async def test_an_outage_of_the_database_leaves_the_gauges_as_they_are(stage: Stage) -> None:
    await stage.store.work.wake("run:r-1")
    await look(stage)
    app = App(Settings.from_env(stage.environment(REDIS_URL="redis://127.0.0.1:1/0")))
    try:
        await app.statistics.look()
    finally:
        await app.close()
    assert value("vco_route_due", kind="run") == 1


@pytest.mark.usefixtures("playing")
async def test_the_process_and_its_version_are_exported(stage: Stage) -> None:
    [(_, _, url)] = stage.bots
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        text = await answer.text()
    assert "\nprocess_resident_memory_bytes " in text
    assert "\nvco_route_build_info{" in text
    assert "\nvco_route_loop_lag_seconds " in text
