"""The people of a round: they ask, click, click again when nothing came, and keep a journal."""

import asyncio
from collections import defaultdict
from contextlib import suppress

import msgspec

from bot.models import Verdict
from bot.sandbox.slack import payloads
from bot.sandbox.slack.deliver import Ack, Kind
from bot.sandbox.slack.driver import CannotDo
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.sandbox.slack.state import Hook
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, GINA, NETWORK_OPS, Json
from bot.slack.messages.buttons import APPROVE, CANCEL, REJECT, STOP
from bot.slack.posted import CARD, DIRECT
from chaos.plan import APPROVERS, Act, Ask, Click
from chaos.world import World, connection_id, dest, region

_TRIES = 4
_ANNOYED_AFTER = 1.0
"""Seconds after which somebody whose click showed an error clicks again."""

_CARD_WITHIN = 6.0
"""Seconds after which somebody who sees no card types the command again."""

_ASK_AGAIN = (
    *("Nothing was recorded", "could not be recorded", "did not work", "Asked for approval"),
    "Not done",
)
"""Words of answers after which a card may still come, or does when asked for again."""

_STORM = 12

_BUTTONS = {Verdict.APPROVED: APPROVE, Verdict.CANCELLED: CANCEL, Verdict.STOPPED: STOP}

_STOP_WITHIN = 4.0
"""Seconds for which somebody who wants to stop a request looks for the button."""


class Typed(msgspec.Struct, kw_only=True):
    """A command that somebody typed; `hook` names its response_url."""

    at: float
    who: str
    label: str
    ack: Ack
    hook: str

    @property
    def stored(self) -> bool:
        """Whether the bot took it, and so has to answer."""
        return not self.ack.error and not self.ack.body


class Clicked(msgspec.Struct, kw_only=True):
    """A click, or a form sent in. `verdict` is what it asks for, None for opening the form."""

    at: float
    who: str
    request: str
    verdict: Verdict | None
    ack: Ack
    hook: str = ""
    payload: Json = {}

    @property
    def taken(self) -> bool:
        """Whether the bot took it, as far as the person can see."""
        return not self.ack.error and "errors" not in (self.ack.json or {})


class People:
    """Everybody of a plan."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._slack = world.slack
        self._at_the_form: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.typed: list[Typed] = []
        self.clicked: list[Clicked] = []
        self.storms = 0

    async def run(self) -> None:
        """Everybody does what they do; done when nobody has anything left to do."""
        await asyncio.gather(*(self._ask(ask) for ask in self._world.plan.asks))

    def cards(self, label: str) -> list[Message]:
        """The cards that bear a label, oldest first."""
        mark = f"\u201c{label}\u201d"
        return [m for m in self._slack.messages(NETWORK_OPS) if mark in _said(m) and request_of(m)]

    async def _ask(self, ask: Ask) -> None:
        await asyncio.sleep(ask.at)
        card = await self._until_card(ask)
        if card is not None and _had_buttons(card):
            await asyncio.gather(*(self._act(card, ask, act) for act in ask.acts))

    async def _until_card(self, ask: Ask) -> Message | None:
        """Type the command, again where nothing comes of it; the card, None where none comes."""
        dests = " ".join(dest(ask.connection, route) for route in ask.routes)
        text = (
            f"delete {connection_id(ask.connection)} {dests} --region {region(ask.connection)} "
            f'--reason "{ask.label}"'
        )
        for _ in range(_TRIES):
            typed = await self._type(ask, text)
            with suppress(TimeoutError):
                await self._slack.until(
                    lambda typed=typed: self.cards(ask.label) or self._refused(typed),  # type: ignore[misc]
                    timeout=_CARD_WITHIN,
                )
            if cards := self.cards(ask.label):
                return cards[0]
            if self._refused(typed):
                return None
        return None

    def _refused(self, typed: Typed) -> bool:
        """Whether the answer is a no that asking again would not change."""
        said = [typed.ack.body, *answers(self._slack.state.hooks[typed.hook])]
        words = "".join(said)
        return bool(words) and not any(a in words for a in _ASK_AGAIN)

    async def _type(self, ask: Ask, text: str) -> Typed:
        at = self._slack.state.clock()
        ack = await self._slack.command(ask.who, NETWORK_OPS, "/vco-route", text)
        typed = Typed(at=at, who=ask.who, label=ask.label, ack=ack, hook=self._hook(ask.label))
        self.typed.append(typed)
        return typed

    def _hook(self, label: str) -> str:
        """The response_url of the latest command with this label."""
        return next(
            hook_of(delivery.payload)
            for delivery in reversed(self._slack.deliveries)
            if delivery.kind is Kind.COMMAND and f'"{label}"' in delivery.payload["text"]
        )

    # --- clicks ------------------------------------------------------------------------

    async def _act(self, card: Message, ask: Ask, act: Act) -> None:
        await asyncio.sleep(act.after)
        match act.click:
            case Click.APPROVE:
                await self._insist(self._at_hand(card, ask, act.who), act.who, Verdict.APPROVED)
            case Click.CANCEL:
                await self._insist(card, act.who, Verdict.CANCELLED)
            case Click.STOP:
                await self._stop(card, act.who)
            case Click.REJECT:
                await self._reject(self._at_hand(card, ask, act.who), act.who)
            case Click.STORM:
                self.storms += 1
                who = (BOB, CAROL, ALICE, GINA, ask.who, *APPROVERS)
                crowd = (who[n % len(who)] for n in range(_STORM))
                await asyncio.gather(
                    *(self._click(card, person, Verdict.APPROVED) for person in crowd)
                )
            case Click.REPEAT:
                await self._repeat(card, act.who)

    async def _stop(self, card: Message, who: str) -> None:
        """Click Stop, as soon as the card has it; until it is taken. Some never have it."""
        with suppress(TimeoutError):
            await self._slack.until(lambda: _had(card, STOP), timeout=_STOP_WITHIN)
        if _had(card, STOP):
            await self._insist(card, who, Verdict.STOPPED)

    def _at_hand(self, card: Message, ask: Ask, who: str) -> Message:
        """Where somebody decides: of every other request where they were asked directly."""
        asked = [m for m in self._slack.dms(who) if request_of(m, DIRECT) == request_of(card)]
        return asked[0] if asked and sum(map(ord, ask.label)) % 2 else card

    async def _insist(self, card: Message, who: str, verdict: Verdict) -> None:
        """Click until it is taken."""
        for _ in range(_TRIES):
            click = await self._click(card, who, verdict)
            if click.taken:
                return
            await asyncio.sleep(_ANNOYED_AFTER)

    async def _click(self, card: Message, who: str, verdict: Verdict) -> Clicked:
        payload = self._payload(card, who, _BUTTONS[verdict])
        click = await self._deliver(card, who, verdict, payload)
        self.clicked.append(click)
        return click

    async def _deliver(
        self, card: Message, who: str, verdict: Verdict | None, payload: Json
    ) -> Clicked:
        at = self._slack.state.clock()
        ack = await self._slack.courier.send(Kind.INTERACTIVE, payload)
        return Clicked(
            at=at,
            who=who,
            request=request_of(card) or request_of(card, DIRECT),
            verdict=verdict,
            ack=ack,
            hook=hook_of(payload),
            payload=payload,
        )

    def _payload(self, card: Message, who: str, action_id: str) -> Json:
        """What Slack sends for a click, also on buttons that are gone for everybody else."""
        for blocks in (card.blocks, *reversed(card.past)):
            if found := find_element(blocks, action_id):
                action = payloads.action_of(self._slack.state, *found, {"value": found[1]["value"]})
                seen = msgspec.structs.replace(card, blocks=blocks)
                return payloads.message_action(self._slack.state, who, seen, action)
        raise LookupError(f"the card never had {action_id}")

    async def _repeat(self, card: Message, who: str) -> None:
        """Slack delivers an approval again that it delivered before."""
        request = request_of(card)
        mine = (c for c in self.clicked if (c.who, c.request) == (who, request) and c.payload)
        if click := next((c for c in mine if c.verdict is Verdict.APPROVED), None):
            # The very same click: who made it need not be answered twice.
            await self._deliver(card, who, click.verdict, click.payload)

    async def _reject(self, card: Message, who: str) -> None:
        """Click Reject, fill the form in, send it; again where it did not open."""
        for _ in range(_TRIES):
            async with self._at_the_form[who]:
                click = await self._deliver(card, who, None, self._payload(card, who, REJECT))
                view = await self._form(who, click.request)
                click.verdict = None
                self.clicked.append(click)
                if view is not None and await self._send_in(view, who, click.request):
                    return
            await asyncio.sleep(_ANNOYED_AFTER)

    async def _form(self, who: str, request: str) -> View | None:
        def mine() -> View | None:
            view = self._slack.modal(who)
            kept = view.view.get("private_metadata", "") if view else ""
            return view if kept.partition(" ")[0] == request else None

        with suppress(TimeoutError):
            return await self._slack.until(mine, timeout=_ANNOYED_AFTER)
        return None

    async def _send_in(self, view: View, who: str, request: str) -> bool:
        at = self._slack.state.clock()
        try:
            ack = await self._slack.submit(who, view.id, {"reason": {"text": "not now"}})
        except CannotDo:
            return False
        sent = Clicked(at=at, who=who, request=request, verdict=Verdict.REJECTED, ack=ack)
        self.clicked.append(sent)
        self._slack.state.close_view(who)
        return sent.taken


def answers(hook: Hook) -> list[str]:
    """What came back to a command or a click, but for the word that it waits."""
    return [text for text in hook.said if not text.startswith(("Noted", "Looking"))]


def hook_of(payload: Json) -> str:
    """What names the response_url of a command or a click."""
    return str(payload["response_url"]).rsplit("/", 1)[1]


def _said(card: Message) -> str:
    """All that a card says and has said: its reason stands there in any state."""
    return text_of(card)


def request_of(message: Message, part: str = CARD) -> str:
    """The request whose card this is, as its metadata says; empty for what is no card.

    Another `part`: the request of which it is that, such as a direct message.
    """
    payload = message.metadata.get("event_payload", {})
    return str(payload["request"]) if payload.get("part") == part else ""


def _had_buttons(card: Message) -> bool:
    """Whether anybody could ever click: a card that came after the end is born without Approve."""
    return any(find_element(blocks, APPROVE) for blocks in (card.blocks, *card.past))


def _had(card: Message, action_id: str) -> bool:
    """Whether a card has a button, or had."""
    return any(find_element(blocks, action_id) for blocks in (card.blocks, *card.past))
