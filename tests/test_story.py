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
    covers = "`192.168.0.0/16` covers them."
    said = text_of(card).splitlines()
    assert said[:3] == [
        f"🟠 Delete {seed.SHADOWED_DEST} · office-shanghai",
        "“leaking prod prefix, INC-4211”",
        f"256 addresses stay on this connection: {covers}",
    ]
    assert f"Asked by <@{ALICE}>" in said[3]
    assert said[-1].startswith(f"`{seed.ORDINARY}` · cn-hangzhou · weight 100 · `r-")
    assert "Needs 1 approval from <!subteam^S0NETOPS1>" in text_of(card)
    # The card is the answer: nothing is whispered beside it.
    await playing.until_quiet(card)
    assert playing.told(ALICE) == ""
    assert playing.sends() == 0

    # She may not approve it herself, and is told why.
    await playing.approve(card, user=ALICE)
    await playing.until_told(ALICE, "You asked for this deletion")
    assert playing.sends() == 0

    # Bob, of the group that may, approves. The buttons go; the route goes, once.
    await playing.approve(card, user=BOB)
    final = await playing.until_deleted(card)
    assert final.startswith(f"✅ Deleted {seed.SHADOWED_DEST} · office-shanghai · ")
    assert "256 addresses now follow `192.168.0.0/16`" in final
    assert "Approve and delete now" not in final
    assert playing.vpc.effects(playing.route) == 1
    assert not playing.vpc.route_present(playing.route)

    # Carol, a second too late, is told who was first.
    await playing.slack.click(CAROL, card.channel, card.ts, "vco_route_approve", stale=True)
    assert f"Already approved by <@{BOB}>" in await playing.until_told(CAROL, "Already")

    # The thread tells the story, and the audit has all of it.
    told = [line.split("  ", 1)[1].splitlines()[0] for line in playing.thread(card)]
    assert told[0] == f"Approved by <@{BOB}>"
    assert told[1:3] == ["Sent to Alibaba Cloud", "Connection is updating"]
    assert told[3].startswith("Route gone, connection attached: deleted in")
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
