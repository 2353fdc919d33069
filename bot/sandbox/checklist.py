"""*Try it*: what to try in the sandbox, what to expect, and whether it has happened yet."""

from collections.abc import Callable, Iterator

import msgspec

from bot.sandbox.slack import LocalSlack
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import Json
from bot.sandbox.vpc import Change, LocalVpc, seed

REASON = '--reason "leaking prod prefix, INC-4211"'


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to try. `line` is a command to begin with; `who` plays it best."""

    name: str
    title: str
    do: str
    expect: str
    line: str = ""


STEPS = (
    Step(
        name="ask",
        title="Ask",
        do="As Alice: pick this line and press Enter.",
        expect="A card says what would go and what traffic does then.",
        line=f"/vco-route delete {seed.ORDINARY} {seed.SHADOWED_DEST} {REASON}",
    ),
    Step(
        name="approve",
        title="Approve",
        do="Become Bob (Alt+2) and approve it on the card.",
        expect="The bar moves, the cloud works, and the card says when the route is gone.",
    ),
    Step(
        name="restore",
        title="Restore",
        do="Press Restore on the finished card, say why, then approve as somebody else.",
        expect="The same route is back, with the weight it had.",
    ),
    Step(
        name="break_glass",
        title="Break the glass",
        do="As Alice: pick this line, and confirm what its form shows.",
        expect="It runs at once, and @netops is asked to look at it afterwards.",
        line=f"/vco-route delete {seed.ORDINARY} {seed.LONE_DEST} "
        '--reason "all of prod is down" --break-glass',
    ),
    Step(
        name="wide",
        title="The wide route",
        do="As Alice: pick this line. Then Bob and Carol approve it.",
        expect="Both have to type the block before it goes.",
        line=f'/vco-route delete {seed.BACKBONE} {seed.BACKBONE_DEST} --reason "INC-4211"',
    ),
    Step(
        name="tunnel",
        title="Cut a tunnel",
        do="After a deletion: cut a tunnel of that connection, in the cloud panel.",
        expect="The thread tells that it is down and offers to restore the route.",
    ),
    Step(
        name="kill",
        title="Kill the bot",
        do="While a deletion runs: Kill -9, then Start, in the cloud panel.",
        expect="It goes on where it was: one deletion, not two.",
    ),
)


class Checklist:
    """Which steps have happened, by what the two local services have seen."""

    def __init__(self, slack: LocalSlack, vpc: LocalVpc) -> None:
        """Look at these two."""
        self._slack = slack
        self._vpc = vpc
        self._done: set[str] = set()
        self._cut = False
        self._killed = False
        self._happened: dict[str, Callable[[], bool]] = {
            "ask": lambda: any(self._cards()),
            "approve": lambda: self._has_changed(Change.DELETE),
            "restore": lambda: self._has_changed(Change.CREATE),
            "break_glass": lambda: any(" Break-glass: " in title(card) for card in self._cards()),
            "wide": lambda: self._has_changed(Change.DELETE, seed.BACKBONE_DEST),
            "tunnel": lambda: self._cut and self._has_changed(Change.DELETE),
            "kill": lambda: self._killed,
        }

    def tunnel_was_cut(self) -> None:
        """Somebody has cut a tunnel."""
        self._cut = True

    def bot_was_killed(self) -> None:
        """Somebody has killed the bot."""
        self._killed = True

    def state(self) -> list[Json]:
        """The steps as the page draws them."""
        for step in STEPS:
            if step.name not in self._done and self._happened[step.name]():
                self._done.add(step.name)
        return [msgspec.to_builtins(s) | {"done": s.name in self._done} for s in STEPS]

    def _has_changed(self, change: Change, route_dest: str = "") -> bool:
        """Whether the cloud has accepted and ended such a change."""
        now = self._vpc.service.clock()
        return any(
            task.change is change
            and task.effect_at <= now
            and route_dest in ("", task.record.route.route_dest)
            for task in self._vpc.service.world.accepted
        )

    def _cards(self) -> Iterator[Message]:
        """The cards of requests, by what the app says of its messages: buttons come and go."""
        for channel in self._slack.workspace.channels:
            for message in self._slack.state.in_channel(channel):
                if message.metadata.get("event_payload", {}).get("part") == "card":
                    yield message


def title(card: Message) -> str:
    """The first line of a card."""
    return next((text_of(block) for block in card.blocks if block["type"] == "header"), "")
