"""The story, from one line in Slack to a proven deletion. Read this first."""

from stage import Stage

from bot.models import EventKind, RequestState
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.sandbox.vpc import seed


async def test_a_route_is_asked_for_approved_deleted_once_and_proven_gone(playing: Stage) -> None:
    """1 command, 2 preview, 3 approval, 4 execution, 5 status: over HTTP, every request signed."""
    # Alice types one line at three in the morning. It is taken at once; she is answered privately.
    ack = await playing.command(
        f"delete {seed.ORDINARY} {seed.SHADOWED_DEST} --reason “leaking prod prefix, INC-4211”"
    )
    assert (ack.status, ack.body) == (200, "")

    # A card appears in the channel: what would go, what traffic would do next, who decides.
    card = await playing.slack.until(lambda: next(iter(playing.cards()), None))
    twins = "weight 100, this connection; weight 0, this connection"
    takeover = f"`192.168.0.0/16` ({twins}) takes over all of them."
    assert text_of(card).splitlines()[:7] == [
        f"Delete {seed.SHADOWED_DEST} from {seed.ORDINARY} (cn-hangzhou)",
        "office-shanghai",
        "connection attached",
        "weight 100 · next hop the connection itself · custom route, published",
        f"If it goes: 256 addresses. {takeover}",
        f"Asked by <@{ALICE}>",
        "“leaking prod prefix, INC-4211”",
    ]
    assert "Needs one of <!subteam^S0NETOPS1>" in text_of(card)
    # Alice's private answer becomes a link to it.
    assert card.ts.replace(".", "") in await playing.until_told(ALICE, "Asked for approval")
    assert playing.sends() == 0

    # She may not approve it herself, and is told why.
    await playing.approve(card, user=ALICE)
    await playing.until_told(ALICE, "You asked for this deletion")
    assert playing.sends() == 0

    # Bob, of the group that may, approves. The buttons go; the route goes, once.
    await playing.approve(card, user=BOB)
    final = await playing.until_deleted(card)
    assert final.startswith(f"Deleted {seed.SHADOWED_DEST} from {seed.ORDINARY}")
    assert "updating seen, then attached and the route absent" in final
    assert "Approve deletion" not in final
    assert playing.vpc.effects(playing.route) == 1
    assert not playing.vpc.route_present(playing.route)

    # Carol, a second too late, is told who was first.
    await playing.slack.click(CAROL, card.channel, card.ts, "vco_route_approve", stale=True)
    assert f"Already approved by <@{BOB}>" in await playing.until_told(CAROL, "Already")

    # The thread tells the story, and the audit has all of it.
    thread = await playing.until_thread_says(card, "deleted in")
    told = [line.split("  ", 1)[1].splitlines()[0] for line in thread]
    assert told[0] == f"Approved by <@{BOB}>"
    assert told[1:3] == ["Sent to Alibaba Cloud", "Connection is updating"]
    assert told[3].startswith("Connection attached, route absent: deleted in")
    assert [event.kind for _, event in await playing.audit()] == [
        EventKind.SUBMITTED,
        EventKind.REFUSED,
        EventKind.APPROVED,
        EventKind.SENDING,
        EventKind.SENT,
        EventKind.UPDATING,
        EventKind.OBSERVED,
        EventKind.ROUTE_ENDED,
        EventKind.ENDED,
    ]
    assert (await playing.request(card)).state is RequestState.DELETED


async def test_the_same_story_over_socket_mode(stage: Stage) -> None:
    """No public address is needed: the bot connects to Slack, not Slack to the bot."""
    await stage.start_bot(socket_mode=True)
    card = await stage.ask()
    await stage.approve(card)
    await stage.until_deleted(card)
    assert stage.vpc.effects(stage.route) == 1
