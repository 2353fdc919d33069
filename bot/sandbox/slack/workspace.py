"""Who and what the local workspace holds: people, channels, user groups, the app itself.

Identifiers have Slack's shapes (`U…`, `C…`, `D…`, `S…`, `T…`), and `default_workspace` has one
of everything that a bot must tell apart. Tests change people and memberships in place.
"""

from typing import Any

import msgspec

Json = dict[str, Any]

T_HOME = "T0HOME001"
T_OTHER = "T0OTHER01"
T_SISTER, E_GRID = "T0SISTER1", "E0GRID001"
"""Another workspace of our own organisation on Enterprise Grid, and that organisation."""

ALICE, BOB, CAROL, GINA = "U0ALICE01", "U0BOB0001", "U0CAROL01", "U0GINA001"
SLACKBOT = "USLACKBOT"
DORA, SAM, BOT = "U0DORA001", "U0SAM0001", "U0VCOBOT1"

NETWORK_OPS, RANDOM, PARTNERS = "C0NETOPS1", "C0RANDOM1", "C0PARTNR1"
WAR_ROOM, OLD_OPS = "C0WARROOM", "C0ARCHIVE"
DM_ALICE, DM_ALICE_BOB = "D0ALICE01", "D0ALICBOB"

NETOPS, NOBODY = "S0NETOPS1", "S0NOBODY1"


class Person(msgspec.Struct, kw_only=True):
    """A user as `users.info` knows it.

    `guest` is restricted, `single_channel` to one channel; a `stranger` shares a channel. `teams`:
    on Enterprise Grid all the workspaces of a member, who is then shown without a `team_id`.
    `acts_in` is the workspace that payloads name as theirs, where it is not the app's.
    """

    id: str
    name: str
    real_name: str
    title: str = ""
    color: str = "#5b6b7b"
    team: str = T_HOME
    teams: list[str] = []
    acts_in: str = ""
    guest: bool = False
    single_channel: bool = False
    bot: bool = False
    deleted: bool = False
    stranger: bool = False

    @property
    def human(self) -> bool:
        """Whether somebody can sit at this person's keyboard."""
        return not (self.bot or self.deleted)


class Channel(msgspec.Struct, kw_only=True):
    """A conversation.

    `shared` is with another organisation (Slack Connect), `invited`: one was asked and has not
    answered yet. `group_dm` is a direct message of several people.
    """

    id: str
    name: str = ""
    members: set[str] = set()
    private: bool = False
    shared: bool = False
    invited: bool = False
    archived: bool = False
    dm: bool = False
    group_dm: bool = False


class UserGroup(msgspec.Struct, kw_only=True):
    """A user group, mentioned as `@handle`."""

    id: str
    handle: str
    name: str
    users: list[str]
    disabled: bool = False


class SlashCommand(msgspec.Struct, kw_only=True):
    """A slash command that the app's manifest declares."""

    command: str
    usage_hint: str
    description: str


class Shortcut(msgspec.Struct, kw_only=True):
    """A global shortcut that the app's manifest declares."""

    callback_id: str
    name: str
    description: str


class App(msgspec.Struct, kw_only=True):
    """The app under test; most of this is in its manifest.

    `messages_tab`: it may write to people directly; `messages_tab_read_only`: they can't answer.

    Without the messages tab nobody writes in the app's direct messages, not even the app.
    """

    id: str = "A0VCOROUT"
    bot_id: str = "B0VCOROUT"
    user: str = BOT
    name: str = "vco-route"
    should_escape: bool = True
    home_tab: bool = True
    messages_tab: bool = True
    messages_tab_read_only: bool = True
    commands: list[SlashCommand] = []
    shortcuts: list[Shortcut] = []


class Workspace(msgspec.Struct, kw_only=True):
    """One Slack workspace, all of it addressable by id.

    `enterprise`: the organisation on Enterprise Grid. `edit_seconds`: for how long its members
    and apps may edit what they have written; None: for ever.
    """

    people: dict[str, Person]
    channels: dict[str, Channel]
    groups: dict[str, UserGroup]
    app: App
    team: str = T_HOME
    team_name: str = "Acme Networks"
    domain: str = "acme-networks"
    enterprise: str = ""
    edit_seconds: float | None = None

    def member(self, user: str, channel: str) -> bool:
        """Whether the user is in the channel."""
        return user in self.channels[channel].members

    def dm_of(self, user: str) -> Channel:
        """The direct message channel of the app and the user; it is made when needed."""
        members = {user, self.app.user}
        for channel in self.channels.values():
            if channel.dm and channel.members == members:
                return channel
        made = Channel(id=f"D{user[1:]}", members=members, dm=True)
        self.channels[made.id] = made
        return made


def default_workspace() -> Workspace:
    """A workspace with one of each kind of person, channel and group that matters."""
    people = [
        Person(id=ALICE, name="alice", real_name="Alice Asker", title="SRE", color="#1a6fa8"),
        Person(id=BOB, name="bob", real_name="Bob Book", title="Network engineer", color="#a3560b"),
        Person(
            id=CAROL, name="carol", real_name="Carol Call", title="On-call lead", color="#7c3aed"
        ),
        Person(id=GINA, name="gina", real_name="Gina Guest", title="Guest", guest=True),
        Person(id=DORA, name="dora", real_name="Dora Departed", deleted=True),
        Person(
            id=SAM,
            name="sam",
            real_name="Sam Stranger",
            title="Partner Ltd",
            team=T_OTHER,
            stranger=True,
            color="#b4485d",
        ),
        Person(id=BOT, name="vco-route", real_name="vco-route", bot=True, color="#146c43"),
    ]
    staff = {ALICE, BOB, CAROL}
    channels = [
        Channel(id=NETWORK_OPS, name="network-ops", members={*staff, GINA, BOT}),
        Channel(id=RANDOM, name="random", members=set(staff)),
        Channel(id=PARTNERS, name="partners", members={*staff, SAM, BOT}, shared=True),
        Channel(id=WAR_ROOM, name="war-room", members=set(staff), private=True),
        Channel(id=OLD_OPS, name="old-ops", members={*staff, BOT}, archived=True),
        Channel(id=DM_ALICE, members={ALICE, BOT}, dm=True),
        Channel(id=DM_ALICE_BOB, members={ALICE, BOB}, dm=True),
    ]
    groups = [
        UserGroup(id=NETOPS, handle="netops", name="Network operations", users=[BOB, CAROL]),
        UserGroup(id=NOBODY, handle="nobody", name="Nobody yet", users=[]),
    ]
    command = SlashCommand(
        command="/vco-route",
        usage_hint="delete <vpn-connection-id> <cidr>… | list <vpn-connection-id>"
        " | status [REQUEST] | cancel REQUEST | restore REQUEST"
        " | history [CIDR, CONNECTION or REQUEST] | help",
        description="Delete a route from an IPsec-VPN connection, safely",
    )
    shortcut = Shortcut(
        callback_id="vco_route_delete",
        name="Delete a route",
        description="Choose an IPsec-VPN connection and its routes in a form",
    )
    return Workspace(
        people={person.id: person for person in people},
        channels={channel.id: channel for channel in channels},
        groups={group.id: group for group in groups},
        app=App(commands=[command], shortcuts=[shortcut]),
    )
