"""A master that is cut off from its replica: what only it knew is forgotten by a failover.

So nothing is sent, and no end is told, that the replica has not been told first.
"""

from functools import partial
from pathlib import Path

import pytest
import structlog
from builders import a_request, decided
from databases import database
from redis_shapes import MovingAddress, Server, cluster, partitioned, replicated
from slack_faults import FaultKind
from stage import DELETE, Stage, delete_command
from waiting import until

from bot.errors import StoreUnavailable, StoreWentBack
from bot.lifecycle.request import record_decision
from bot.models import EventKind, Request, RequestState, Verdict
from bot.sandbox.slack.messages import Message, find_element
from bot.sandbox.slack.workspace import NETOPS
from bot.sandbox.vpc.world import Pace
from bot.slack.messages.buttons import APPROVE, RESTORE
from bot.store import Store
from bot.store.health import OK, WARNING, Health, unguarded
from bot.store.replicas import Replicas


async def promote(master: Server, replica: Server, address: MovingAddress) -> None:
    """The failover: the replica takes over with what it has, and the old master is gone."""
    await replica.ask("REPLICAOF", "NO", "ONE")
    address.target = replica
    master.kill()


async def test_nothing_is_sent_that_a_failover_would_forget() -> None:
    async with (
        partitioned() as (master, replica, line),
        MovingAddress(master) as address,
        Stage(address.redis_url) as stage,
    ):
        stage.hurry()
        await stage.start_bot(VCO_LEASE="2")
        [route] = stage.new_routes("cutoff")
        card = await stage.ask(delete_command(route))
        line.flowing.clear()
        await stage.approve(card)
        await stage.until_event(card, EventKind.WAITING)
        waiting = next(e for e in (await stage.request(card)).timeline if e.kind == "waiting")
        assert waiting.details["code"] == "NotReplicated"
        assert not stage.sends(), "the master took the approval, and nothing was done on it"

        await promote(master, replica, address)
        # The failover has forgotten the approval: it is asked for again, and then it counts.
        await until_pending(stage, card)
        await stage.slack.until(lambda: find_element(card.blocks, APPROVE))
        await stage.approve(card)
        assert (await stage.until_ended(card)).state is RequestState.DELETED
        assert stage.vpc.effects(route) == 1


async def test_an_end_that_a_failover_would_forget_is_not_told() -> None:
    async with (
        partitioned() as (master, replica, line),
        MovingAddress(master) as address,
        Stage(address.redis_url) as stage,
    ):
        stage.hurry()
        await stage.start_bot(VCO_LEASE="2")
        [route] = stage.new_routes("cutoff", pace=Pace(delay=0.05, seconds=1.0))
        card = await stage.approved(route)
        await stage.until_event(card, EventKind.SENT)
        line.flowing.clear()
        assert (await stage.until_ended(card)).state is RequestState.DELETED
        assert not find_element(card.blocks, RESTORE), "no end is told yet"

        await promote(master, replica, address)
        # The replica knew of the send: what came of it is found out again, and told then.
        await stage.until_deleted(card)
        assert stage.vpc.effects(route) == 1
        ended = [bool(find_element(blocks, RESTORE)) for blocks in [*card.past, card.blocks]]
        assert ended == sorted(ended), "an end that was told is never taken back"


async def test_an_end_is_not_told_by_a_first_card_either(tmp_path: Path) -> None:
    """Slack was away meanwhile, so there is no card yet when it has ended."""
    policy = tmp_path / "policy.toml"
    glass = 'break_glass = { who = "anyone", countersign_hours = 1 }'
    policy.write_text(f'[[rule]]\nname = "all"\napprove = ["{NETOPS}"]\n{glass}\n')
    async with (
        partitioned() as (master, replica, line),
        MovingAddress(master) as address,
        Stage(address.redis_url) as stage,
    ):
        stage.hurry()
        await stage.start_bot(VCO_LEASE="2", VCO_POLICY_FILE=str(policy), VCO_APPROVERS="")
        [route] = stage.new_routes("cutoff", pace=Pace(delay=0.05, seconds=1.0))
        stage.slack.faults.add("chat.postMessage", FaultKind.HTTP, times=None)
        await stage.command(f"{delete_command(route, reason='down')} --break-glass")
        await stage.go_ahead()
        await until(lambda: stage.vpc.calls_of(DELETE))
        [asked] = await stage.store.requests.open_ids()
        await until(partial(happened, stage.store, asked, EventKind.SENT))
        line.flowing.clear()
        await until(partial(happened, stage.store, asked, EventKind.ENDED))
        with structlog.testing.capture_logs() as logs:
            stage.slack.faults.clear()
            await until(lambda: stage.cards() or any("replicas" in str(one) for one in logs))
        assert not stage.cards(), "no end is told yet"

        await promote(master, replica, address)
        card = await stage.slack.until(lambda: next(iter(stage.cards()), None))
        await stage.until_deleted(card)
        assert stage.vpc.effects(route) == 1


async def test_without_the_replicas_that_are_asked_for_it_is_said_that_nothing_is_sent() -> None:
    async with partitioned() as (master, replica, line), database(master.url, now=0) as db:
        store = Store(db)
        await store.replicas.reached()
        assert await store.health.survives() == OK
        line.flowing.clear()
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.replicas.reached()
        assert (await store.health.survives()).startswith("nothing is sent")
        line.flowing.set()
        await until_secured(store)
        assert await replica.ask("EXISTS", "{vco}:replicated") == 1


async def test_the_replicas_of_another_master_say_nothing_of_what_it_never_heard() -> None:
    async with (
        partitioned() as (master, replica, line),
        MovingAddress(master) as address,
        database(address.redis_url, now=0) as db,
    ):
        store = Store(db)
        asked = await store.requests.create(a_request())
        await store.requests.secured(asked)
        line.flowing.clear()
        decision = decided(Verdict.APPROVED)
        approved = await store.requests.update(asked.id, lambda r: record_decision(r, decision))
        assert approved is not None
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.requests.secured(approved)

        await promote(master, replica, address)
        # The new master asks for no replica: there is nothing to wait for, and yet it won't do.
        with pytest.raises(StoreWentBack, match=approved.id):
            await until(lambda: outlived(store, approved))
        await store.requests.secured(asked)


async def outlived(store: Store, known: Request) -> bool:
    """Whether the database knows it still; not yet, where the failover is under way."""
    try:
        await store.requests.secured(known)
    except StoreWentBack:
        raise
    except StoreUnavailable:
        return False
    return True


async def happened(store: Store, request_id: str, kind: EventKind) -> bool:
    stored = await store.requests.get(request_id)
    return stored is not None and stored.request.happened(kind)


async def until_secured(store: Store) -> None:
    async def secured() -> bool:
        return await store.health.survives() == OK

    await until(secured)


async def until_pending(stage: Stage, card: Message) -> None:
    """Until the bot's database is there again and does not know of an approval."""

    async def pending() -> bool:
        try:
            return (await stage.request(card)).state is RequestState.PENDING
        except StoreUnavailable:
            return False

    await until(pending)


async def test_a_server_that_hides_its_settings_is_waited_for_as_the_setting_says() -> None:
    async with partitioned() as (master, _, line), database(master.url, now=0) as db:
        await master.ask("ACL", "SETUSER", "default", "-config")
        assert await Replicas(db).wanted() == 0
        told = Replicas(db, 1)
        await told.reached()
        line.flowing.clear()
        with pytest.raises(StoreUnavailable):
            await told.reached()


async def test_a_sentinels_master_and_a_clusters_node_are_waited_for_too() -> None:
    async with replicated() as redis, database(redis.redis_url, now=0) as db:
        await Replicas(db, 1).reached()
        with pytest.raises(StoreUnavailable, match="1 of 2 replicas"):
            await Replicas(db, 2).reached()
        assert (await Health(db).survives()).startswith(f"{WARNING}min-replicas-to-write is 0")
    async with cluster() as nodes, database(nodes.redis_url, now=0) as db:
        await Replicas(db).reached()
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await Replicas(db, 1).reached()


def test_a_server_without_a_replica_is_warned_of_and_one_that_says_nothing_is_believed() -> None:
    assert unguarded("0").startswith(f"{WARNING}there is no replica")
    assert unguarded("2").startswith(f"{WARNING}min-replicas-to-write is 0")
    assert unguarded("") == OK
