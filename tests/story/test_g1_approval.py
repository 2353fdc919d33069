"""G1: nothing is deleted without approval. Who can't be placed is refused, told, and audited."""

import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from stage import Stage, request_id
from waiting import until

from bot.config.settings import Settings
from bot.models import Decision, Draft, EventKind, People, RequestState, Verdict
from bot.sandbox.slack.deliver import Kind
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import (
    ALICE,
    BOB,
    BOT,
    CAROL,
    DORA,
    GINA,
    NETOPS,
    NETWORK_OPS,
    SAM,
    T_OTHER,
)
from bot.sandbox.vpc import seed
from bot.service.app import App
from bot.slack.messages.buttons import APPROVE

OTHER_ROUTE = f"delete {seed.ORDINARY} {seed.LONE_DEST}"


async def still_pending(stage: Stage, card: Message) -> bool:
    """Whether nothing was decided and nothing was sent."""
    return (await stage.request(card)).state is RequestState.PENDING and stage.sends() == 0


async def refused(stage: Stage, card: Message, user: str) -> list[str]:
    """Why this person's attempts to approve were refused, as the audit has it."""
    return [
        event.details["why"]
        for request, event in await stage.audit()
        if request == request_id(card) and event.kind is EventKind.REFUSED and event.by == user
    ]


async def test_group_membership_alone_makes_nobody_an_approver(brisk: Stage) -> None:
    """Requester, guest, deactivated account, stranger and bot are refused, each with a reason."""
    workspace = brisk.slack.workspace
    workspace.groups[NETOPS].users = [ALICE, BOB, GINA, DORA, SAM, BOT]
    workspace.channels[NETWORK_OPS].members |= {DORA, SAM}
    card = await brisk.ask()
    reasons = {
        ALICE: "You asked for this deletion, so somebody else has to decide on it.",
        GINA: "Guests can't use vco-route.",
        DORA: "Your account is deactivated.",
        SAM: "You belong to another organisation.",
        BOT: "Bots can't ask, decide or look here.",
        CAROL: "You are not one of the approvers.",
    }
    for user, why in reasons.items():
        await brisk.approve(card, user)
        await brisk.until_told(user, why)
        assert await refused(brisk, card, user) == [why]
    assert await still_pending(brisk, card)


async def test_a_user_whom_slack_does_not_know_is_refused(brisk: Stage) -> None:
    brisk.slack.workspace.groups[NETOPS].users.append("U0NOBODY1")
    card = await brisk.ask()
    payload = brisk.payload_of_click(card)
    payload["user"]["id"] = "U0NOBODY1"
    await brisk.slack.deliver(Kind.INTERACTIVE, payload)
    await brisk.until_told(BOB, "Slack could not tell who you are")  # the forged payload is his
    assert await refused(brisk, card, "U0NOBODY1") == ["Slack could not tell who you are."]
    assert await still_pending(brisk, card)


async def test_without_a_readable_group_of_approvers_nobody_can_approve(brisk: Stage) -> None:
    """The group is asked for at every click: empty, disabled or unreadable means no."""
    group = brisk.slack.workspace.groups[NETOPS]
    card = await brisk.ask()

    group.users = []
    await brisk.approve(card)
    await brisk.until_told(BOB, "There is nobody who may decide on this")

    group.users = [BOB]
    group.disabled = True
    await brisk.approve(card)
    await brisk.until_told(BOB, "Slack did not say who is in the user group")

    group.disabled = False
    brisk.slack.faults.add("usergroups.users.list", "error")
    await brisk.approve(card, BOB)
    await brisk.slack.until(lambda: brisk.told(BOB).count("Slack did not say") == 2)

    assert len(await refused(brisk, card, BOB)) == 3
    assert await still_pending(brisk, card)


async def test_while_slack_is_down_no_click_counts_and_then_only_what_slack_says_then(
    brisk: Stage,
) -> None:
    card = await brisk.ask()
    brisk.slack.outage = True
    seen = len(brisk.slack.requests)
    ack = await brisk.approve(card)
    assert ack.status == 200
    await until(lambda: any(c.method == "users.info" for c in brisk.slack.requests[seen:]))
    assert await still_pending(brisk, card)

    brisk.slack.workspace.groups[NETOPS].users = [CAROL]  # bob has left the group meanwhile
    brisk.slack.outage = False
    await brisk.until_told(BOB, "You are not one of the approvers")
    assert await still_pending(brisk, card)


async def test_a_button_with_a_forged_value_decides_nothing(brisk: Stage) -> None:
    card = await brisk.ask()
    for value in ("", "r-aaaaaaaaaa", "*", "x" * 2000, "<!channel>"):
        payload = brisk.payload_of_click(card)
        payload["actions"][0]["value"] = value
        await brisk.slack.deliver(Kind.INTERACTIVE, payload)
    await brisk.slack.until(lambda: brisk.told(BOB).count("lease ask again") == 5)
    assert "<!channel>" not in brisk.told(BOB)
    assert await still_pending(brisk, card)


async def test_only_what_slack_has_signed_just_now_is_listened_to(brisk: Stage) -> None:
    card = await brisk.ask()
    payload = brisk.payload_of_click(card)
    old = str(int(time.time()) - 600)
    deliver = brisk.slack.deliver
    assert (await deliver(Kind.INTERACTIVE, payload, signature="")).status == 401
    assert (await deliver(Kind.INTERACTIVE, payload, signature="v0=" + "0" * 64)).status == 401
    assert (await deliver(Kind.INTERACTIVE, payload, timestamp=old)).status == 401
    assert (await deliver(Kind.INTERACTIVE, payload, timestamp="")).status == 401
    assert await still_pending(brisk, card)

    # The very same payload, signed: so it was the signature that was refused.
    assert (await deliver(Kind.INTERACTIVE, payload)).status == 200
    assert (await brisk.until_ended(card)).decisions[0].by == BOB


async def stored_deliveries(stage: Stage) -> set[str]:
    """What of Slack's deliveries is being handled, or was: by their ids."""
    keys = [str(key) for key in await stage.store.database.command("KEYS", "*")]
    return {key.rsplit(":", 1)[1] for key in keys if ":inbox:" in key or ":seen:" in key}


async def test_another_workspaces_payload_is_not_listened_to(brisk: Stage) -> None:
    card = await brisk.ask()
    payload = brisk.payload_of_click(card)
    payload["team"]["id"] = payload["user"]["team_id"] = T_OTHER
    kept = await stored_deliveries(brisk)
    assert (await brisk.slack.deliver(Kind.INTERACTIVE, payload)).status == 200
    assert await stored_deliveries(brisk) <= kept  # nothing is kept of it
    assert await still_pending(brisk, card)


async def test_a_channel_that_became_shared_meanwhile_is_no_place_to_approve(
    brisk: Stage,
) -> None:
    card = await brisk.ask()
    brisk.slack.workspace.channels[NETWORK_OPS].shared = True
    await brisk.approve(card)
    await brisk.until_told(BOB, "This channel is shared with another organisation.")
    assert len(await refused(brisk, card, BOB)) == 1
    assert await still_pending(brisk, card)


async def test_what_is_over_can_not_be_approved_any_more(brisk: Stage) -> None:
    """Cancelled, rejected, expired: a late click is told who decided, and changes nothing."""
    cancelled = await brisk.ask()
    await brisk.cancel(cancelled)
    await brisk.until_shown(cancelled, RequestState.CANCELLED)

    rejected = await brisk.ask()
    await brisk.reject(rejected, "wrong prefix", CAROL)
    await brisk.until_shown(rejected, RequestState.REJECTED)

    expired = await brisk.ask()
    await brisk.store.requests.update(
        request_id(expired), lambda r: replace(r, expires_at=r.created_at)
    )
    await brisk.until_shown(expired, RequestState.EXPIRED)

    told = {
        cancelled.ts: f"Already withdrawn by <@{ALICE}>",
        rejected.ts: f"Already rejected by <@{CAROL}>",
        expired.ts: "Too late: the request expired",
    }
    for card in (cancelled, rejected, expired):
        assert "Approve and delete now" not in text_of(card)
        await brisk.slack.click(BOB, card.channel, card.ts, APPROVE, stale=True)
        await brisk.until_told(BOB, told[card.ts])
        assert not (await brisk.request(card)).state.open
    assert brisk.sends() == 0


async def test_an_approval_after_the_expiry_is_none_even_before_the_engine_noticed(
    stage: Stage,
) -> None:
    """No worker runs here: the decision itself looks at the clock."""
    app = App(Settings.from_env(stage.environment()))
    try:
        draft = Draft(
            vpn_connection_id=seed.ORDINARY,
            route_dests=(seed.SHADOWED_DEST,),
            region=seed.HANGZHOU,
        )
        request = await app.submitter.submit(
            "r-late000000", draft, requester=ALICE, channel=NETWORK_OPS
        )
        past = replace(request, expires_at=request.created_at)
        await stage.store.requests.update(request.id, lambda _: past)
        result = await app.approval.decide(request.id, BOB, Verdict.APPROVED)
    finally:
        await app.close()
    assert not result.decided
    assert result.request.state is RequestState.EXPIRED


def _self_approved(at: float) -> tuple[Decision, ...]:
    return (Decision(verdict=Verdict.APPROVED, by=ALICE, at=at),)


def _approved_and_rejected(at: float) -> tuple[Decision, ...]:
    yes = Decision(verdict=Verdict.APPROVED, by=BOB, at=at)
    return yes, Decision(verdict=Verdict.REJECTED, by=CAROL, at=at)


@pytest.mark.parametrize(
    ("decisions", "why"),
    [
        (lambda _: (), "Nobody has approved this request."),
        (_self_approved, "The approval on record is the requester's own."),
        (_approved_and_rejected, "This request was rejected."),
    ],
)
async def test_a_record_that_says_approved_is_not_enough(
    brisk: Stage, decisions: Callable[[float], tuple[Decision, ...]], why: str
) -> None:
    """Right before the send, the decisions themselves are looked at again."""
    card = await brisk.ask()
    await brisk.store.requests.update(
        request_id(card),
        lambda r: replace(r, state=RequestState.APPROVED, decisions=decisions(r.created_at)),
    )
    assert (await brisk.until_ended(card)).state is RequestState.VOID
    await brisk.until_card_says(card, why)
    assert brisk.sends() == 0


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"approvals": 2}, "Only 1 of 2 approvals are on record."),
        ({"approvers": People()}, "It is not on record who might approve this."),
    ],
)
async def test_a_record_that_falls_short_of_its_terms_is_not_enough(
    brisk: Stage, terms: dict[str, object], why: str
) -> None:
    card = await brisk.ask()
    yes = Decision(verdict=Verdict.APPROVED, by=BOB, at=time.time())
    await brisk.store.requests.update(
        request_id(card),
        lambda r: replace(
            r, state=RequestState.APPROVED, decisions=(yes,), terms=replace(r.terms, **terms)
        ),
    )
    assert (await brisk.until_ended(card)).state is RequestState.VOID
    await brisk.until_card_says(card, why)
    assert brisk.sends() == 0


async def test_a_cancel_by_anybody_but_the_requester_is_refused(brisk: Stage) -> None:
    card = await brisk.ask(OTHER_ROUTE)
    await brisk.cancel(card, BOB)
    await brisk.until_told(BOB, "Only the person who asked for this deletion can cancel it.")
    assert await still_pending(brisk, card)
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED
    assert brisk.vpc.route_present(brisk.route)  # nobody asked for this one
