"""G1, G2, G3 and G6 hold whichever way a request comes in: by command, by form, by breaking the
glass, and where a deletion is undone with or without an approval.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from stage import DELETE, Stage, delete_command, request_id
from test_form import by_command

from bot.models import EventKind, RequestState, VcoRoute, Verdict
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE, GINA, NETOPS
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.world import Change, Pace
from bot.slack.messages.buttons import APPROVE

CREATE = "CreateVcoRouteEntry"
POLICY = f"""
[[rule]]
name = "all"
approve = ["{NETOPS}"]
break_glass = {{ who = ["{ALICE}"] }}
"""
SLOWER = Pace(delay=0.3, seconds=0.7)
DONE = {Change.DELETE: RequestState.DELETED, Change.CREATE: RequestState.RESTORED}

Ask = Callable[[Stage, VcoRoute], Awaitable[Message]]


# --- the ways ------------------------------------------------------------------------------


async def typed(stage: Stage, route: VcoRoute) -> Message:
    """A command."""
    return await stage.ask(delete_command(route))


async def filled_in(stage: Stage, route: VcoRoute) -> Message:
    """The form."""
    form = await by_command(stage)
    await form.choose_connection(route.vpn_connection_id, route.vpn_connection_id)
    await form.choose_routes(route)
    return await form.ask()


async def broken_glass(stage: Stage, route: VcoRoute) -> Message:
    """A command that waits for nobody."""
    return await stage.ask(f"{delete_command(route, reason='all of prod is down')} --break-glass")


async def undone(stage: Stage, route: VcoRoute) -> Message:
    """The Restore button of a deletion that is over."""
    card = over(stage, route)
    return await stage.restore(card)


async def undone_at_once(stage: Stage, route: VcoRoute) -> Message:
    """The command `restore`, which waits for nobody."""
    request = request_id(over(stage, route))
    return await stage.ask(f"restore {request} --reason 'it was the right one' --break-glass")


async def begin(stage: Stage, route: VcoRoute, change: Change) -> None:
    """Where a deletion is to be undone, have one."""
    if change is Change.CREATE:
        card = await stage.approved(route)
        await stage.until_deleted(card)


def over(stage: Stage, route: VcoRoute) -> Message:
    """The card of the deletion that is over."""
    begins = f"✅ Deleted {route.route_dest} · "
    found = [card for card in stage.cards() if text_of(card).startswith(begins)]
    (card,) = [card for card in found if f"`{route.vpn_connection_id}`" in text_of(card)]
    return card


ALONE = (broken_glass, undone_at_once)
WAYS: tuple[tuple[Ask, Change], ...] = (
    (typed, Change.DELETE),
    (filled_in, Change.DELETE),
    (broken_glass, Change.DELETE),
    (undone, Change.CREATE),
    (undone_at_once, Change.CREATE),
)
EVERY_WAY = pytest.mark.parametrize(("ask", "change"), WAYS, ids=[a.__name__ for a, _ in WAYS])


@pytest_asyncio.fixture
async def scene(hurried: Stage, tmp_path: Path) -> Stage:
    """One bot whose policy lets Alice break the glass, and a cloud without pauses."""
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    await hurried.start_bot(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")
    return hurried


async def let_through(stage: Stage, ask: Ask, card: Message) -> None:
    """Approve what waits for that."""
    if ask not in ALONE:
        await stage.approve(card)


# --- the guarantees ------------------------------------------------------------------------


@EVERY_WAY
async def test_g1_nothing_is_sent_without_somebody_who_answers_for_it(
    scene: Stage, ask: Ask, change: Change
) -> None:
    (route,) = scene.new_routes("answers")
    await begin(scene, route, change)
    card = await ask(scene, route)
    if ask in ALONE:
        request = await scene.until_ended(card)
        assert [(d.verdict, d.by) for d in request.decisions] == [(Verdict.BROKE_GLASS, ALICE)]
        assert request.terms.countersign > 0
        return
    for user in (ALICE, GINA):
        told = len(scene.slack.ephemerals(user))
        await scene.slack.click(user, card.channel, card.ts, APPROVE)
        await scene.slack.until(partial(told_more, scene, user, told))
    assert (await scene.request(card)).state is RequestState.PENDING
    assert scene.vpc.effects(route, change) == 0
    await scene.approve(card)
    assert (await scene.until_ended(card)).state is DONE[change]


def told_more(stage: Stage, user: str, told: int) -> bool:
    """Whether somebody has been told more than that often."""
    return len(stage.slack.ephemerals(user)) > told


@EVERY_WAY
@pytest.mark.parametrize("kind", [FaultKind.LOST_AFTER, FaultKind.LOST_BEFORE, FaultKind.RESET])
async def test_g2_delivered_twice_and_answered_never_it_has_one_effect(
    scene: Stage, ask: Ask, change: Change, kind: FaultKind
) -> None:
    (route,) = scene.new_routes("once")
    await begin(scene, route, change)
    scene.slack.redeliver = True
    action = DELETE if change is Change.DELETE else CREATE
    before = len(scene.vpc.calls_of(action))
    scene.vpc.faults.add(Fault(kind=kind, action=action, connection=route.vpn_connection_id))
    card = await ask(scene, route)
    await let_through(scene, ask, card)
    assert (await scene.until_ended(card)).state is DONE[change]
    assert scene.vpc.effects(route, change) == 1
    calls = scene.vpc.calls_of(action)[before:]
    assert len({call.client_token for call in calls}) == 1
    ids = [request_id(one) for one in scene.cards()]
    assert len(ids) == len(set(ids)), "one card for each request"


@EVERY_WAY
async def test_g3_it_waits_its_turn_on_the_connection(
    scene: Stage, ask: Ask, change: Change
) -> None:
    route, other = scene.new_routes("turn", 2, SLOWER)
    await begin(scene, route, change)
    running = await scene.approved(other)
    await scene.until_event(running, EventKind.SENT)
    card = await ask(scene, route)
    await let_through(scene, ask, card)
    assert (await scene.until_ended(card)).state is DONE[change]
    assert (await scene.until_ended(running)).state is RequestState.DELETED
    assert scene.vpc.overlaps() == []
    assert scene.vpc.effects(route, change) == scene.vpc.effects(other) == 1


@EVERY_WAY
async def test_g6_what_was_changed_elsewhere_meanwhile_is_not_sent(
    scene: Stage, ask: Ask, change: Change
) -> None:
    (route,) = scene.new_routes("drift")
    await begin(scene, route, change)
    scene.vpc.set_state(route.vpn_connection_id, "updating")  # so that it has to wait
    card = await ask(scene, route)
    await let_through(scene, ask, card)
    await scene.until_event(card, EventKind.WAITING)
    before = scene.vpc.effects(route), scene.vpc.effects(route, Change.CREATE)
    if change is Change.DELETE:
        scene.vpc.remove_route(route)
    else:
        scene.vpc.add_route(route.vpn_connection_id, route.route_dest)
    scene.vpc.set_state(route.vpn_connection_id, "attached")
    assert (await scene.until_ended(card)).state is RequestState.VOID
    assert (scene.vpc.effects(route), scene.vpc.effects(route, Change.CREATE)) == before
    drifted = await scene.until_event(card, EventKind.DRIFTED)
    assert drifted.details["changed"]
