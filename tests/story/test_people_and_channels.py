"""People and places of every kind that Slack has, asked of it as it shows them.

Whoever is no full member of the bot's own workspace, and wherever others may read along, is
refused; a member of several workspaces of one organisation is a member.
"""

from collections.abc import Callable

import pytest
from stage import DELETE_ONE, Stage, request_id

from bot.models import EventKind, RequestState
from bot.sandbox.slack.deliver import Kind
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import (
    ALICE,
    BOB,
    BOT,
    CAROL,
    DORA,
    E_GRID,
    GINA,
    NETOPS,
    NETWORK_OPS,
    SAM,
    SLACKBOT,
    T_HOME,
    T_OTHER,
    T_SISTER,
    Channel,
    Person,
    Workspace,
)

GROUP_DM = "G0MPDM001"
WENDY, WALTER = "W0WENDY01", "W0WALTER1"


def on_grid(stage: Stage) -> Workspace:
    """The workspace as part of an organisation, with a member of two workspaces and one of none."""
    workspace = stage.slack.workspace
    workspace.enterprise = E_GRID
    wendy = Person(id=WENDY, name="wendy", real_name="W W", team="", teams=[T_SISTER, T_HOME])
    walter = Person(id=WALTER, name="walter", real_name="Walter West", team="", teams=[T_SISTER])
    for person in (wendy, walter):
        workspace.people[person.id] = person
        workspace.channels[NETWORK_OPS].members.add(person.id)
        workspace.groups[NETOPS].users.append(person.id)
    return workspace


async def approved_by(stage: Stage, card: Message, user: str) -> None:
    await stage.approve(card, user)
    event = await stage.until_event(card, EventKind.APPROVED)
    assert event.by == user


@pytest.mark.parametrize("acts_in", ["", T_SISTER], ids=["at home", "from another workspace"])
async def test_a_member_of_several_workspaces_of_the_organisation_asks_and_approves(
    stage: Stage, acts_in: str
) -> None:
    workspace = on_grid(stage)
    workspace.people[WENDY].acts_in = acts_in
    await stage.start_bot()
    card = await stage.ask(user=WENDY)
    assert f"<@{WENDY}>" in text_of(card)
    await stage.cancel(card, WENDY)
    assert (await stage.until_ended(card)).state is RequestState.CANCELLED
    await approved_by(stage, await stage.ask(), WENDY)


@pytest.mark.parametrize("acts_in", ["", T_SISTER], ids=["as if at home", "from their own"])
async def test_a_member_of_another_workspace_alone_is_a_stranger_of_the_same_organisation(
    stage: Stage, acts_in: str
) -> None:
    workspace = on_grid(stage)
    workspace.people[WALTER].acts_in = acts_in
    await stage.start_bot()
    card = await stage.ask()
    await stage.approve(card, WALTER)
    await stage.until_told(WALTER, "You belong to another")
    await stage.command(DELETE_ONE, WALTER)
    await stage.slack.until(lambda: stage.told(WALTER).count("You belong to another") == 2)
    assert (await stage.request(card)).state is RequestState.PENDING


async def test_what_a_foreign_workspace_of_no_organisation_of_ours_delivers_is_not_listened_to(
    playing: Stage,
) -> None:
    """Somebody of another organisation clicks in a channel that both share."""
    card = await playing.ask()
    workspace = playing.slack.workspace
    workspace.people[SAM].acts_in = T_OTHER
    workspace.channels[NETWORK_OPS].members.add(SAM)
    workspace.groups[NETOPS].users.append(SAM)
    payload = playing.payload_of_click(card, SAM)
    assert payload["team"]["id"] == payload["user"]["team_id"] == T_OTHER
    # With and without the organisation's id: an id that we have not is no match for none.
    for enterprise in (None, {"id": "E0OTHER01"}, {"id": ""}):
        payload["enterprise"] = enterprise
        await playing.slack.deliver(Kind.INTERACTIVE, payload)
    await playing.until_told(SAM, "This bot serves another workspace")
    # Where Slack says our team, and only the person is foreign, they are looked up.
    payload = playing.payload_of_click(card, SAM)
    payload["team"]["id"] = workspace.team
    await playing.slack.deliver(Kind.INTERACTIVE, payload)
    await playing.until_told(SAM, "You belong to another organisation.")
    refused = [e.by for r, e in await playing.audit() if r == request_id(card) and e.by != ALICE]
    assert refused == [SAM]


async def test_a_guest_of_a_single_channel_and_slackbot_may_nothing(playing: Stage) -> None:
    workspace = playing.slack.workspace
    guest = Person(id="U0SINGLE1", name="sina", real_name="Sina Single", single_channel=True)
    robot = Person(id=SLACKBOT, name="slackbot", real_name="Slackbot", bot=True)
    card = await playing.ask()
    for person, why in ((guest, "Guests can't use vco-route"), (robot, "Bots can't ask")):
        workspace.people[person.id] = person
        workspace.channels[NETWORK_OPS].members.add(person.id)
        workspace.groups[NETOPS].users.append(person.id)
        await playing.approve(card, person.id)
        await playing.until_told(person.id, why)
    assert (await playing.request(card)).state is RequestState.PENDING


def _invite(workspace: Workspace) -> None:
    workspace.channels[NETWORK_OPS].invited = True


def _share(workspace: Workspace) -> None:
    workspace.channels[NETWORK_OPS].shared = True


@pytest.mark.parametrize("change", [_invite, _share], ids=["invited", "shared"])
async def test_where_another_organisation_reads_or_was_invited_nothing_is_asked_or_approved(
    playing: Stage, change: Callable[[Workspace], None]
) -> None:
    card = await playing.ask()
    change(playing.slack.workspace)
    await playing.approve(card)
    await playing.until_told(BOB, "This channel is shared with another organisation.")
    await playing.command(DELETE_ONE)
    await playing.until_told(ALICE, "This channel is shared with another organisation.")
    assert (await playing.request(card)).state is RequestState.PENDING


@pytest.mark.parametrize("granted", [False, True], ids=["no scope", "mpim:read"])
async def test_in_a_direct_message_of_several_people_nothing_can_be_asked(
    stage: Stage, *, granted: bool
) -> None:
    """Without a scope for it the bot can't see what it is; with one it sees that."""
    workspace = stage.slack.workspace
    workspace.channels[GROUP_DM] = Channel(
        id=GROUP_DM, name="alice--bob-1", members={ALICE, BOB, BOT}, group_dm=True
    )
    if granted:
        stage.slack.web_api.scopes |= {"mpim:read"}
    await stage.start_bot()
    await stage.command(DELETE_ONE, channel=GROUP_DM)
    await stage.until_told(ALICE, "I can't post here, so nobody could approve.")
    assert stage.cards(GROUP_DM) == []


async def test_who_asks_hears_at_once_that_the_approvers_have_all_left(playing: Stage) -> None:
    """The group has members, and pings nobody: two have left, one is a guest, one asks."""
    workspace = playing.slack.workspace
    workspace.groups[NETOPS].users = [DORA, GINA, ALICE, "U0GONE001"]
    await playing.command(DELETE_ONE)
    await playing.until_told(ALICE, "Nobody could approve this: of the approvers, too few")
    assert playing.cards() == []
    assert await playing.store.requests.open_ids() == []
    workspace.groups[NETOPS].users.append(CAROL)
    assert text_of(await playing.ask()).startswith("🟠 Delete ")


async def test_that_nobody_may_be_there_to_approve_stops_no_request_while_it_is_not_known(
    playing: Stage,
) -> None:
    playing.slack.faults.add("usergroups.users.list", "error", error="no_such_subteam")
    assert text_of(await playing.ask()).startswith("🟠 Delete ")
