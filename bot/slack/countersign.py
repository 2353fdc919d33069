"""Countersign: an approver says whether a request that broke the glass was right.

It was, or it was wrong: then its restoration is asked for at once, as by the button for that.
"""

from typing import ClassVar

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command import Restore
from bot.models import Request, Verdict
from bot.slack import payloads
from bot.slack.budget import Priority
from bot.slack.decisions import DecisionClicked, decide
from bot.slack.ended import restore
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import COUNTERSIGN
from bot.slack.messages.decision_forms import (
    COUNTERSIGN_FORM,
    WORD_ACTION,
    WORD_BLOCK,
    WORDS,
    WRONG,
    countersign_form,
)
from bot.slack.messages.mrkdwn import Block
from bot.slack.modals import open_or_keep, surely_refused
from bot.slack.payload import Body
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

router = Router()


class CountersignSubmitted(InboxItem, frozen=True, tag="countersign"):
    """The form that asks whether it was right, sent in; `word` is one of `WORDS`."""

    priority: ClassVar[Priority] = Priority.DECISION

    request_id: str = ""
    word: str = ""


@router.action(COUNTERSIGN)
async def countersign(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Show what was done and ask whether it was right."""
    click = DecisionClicked(**payloads.clicked(body), verdict=Verdict.COUNTERSIGNED)

    def form(request: Request) -> Block | None:
        refused = surely_refused(request, click.user, Verdict.COUNTERSIGNED)
        return countersign_form(request) if request.unsigned and not refused else None

    await open_or_keep(context, ack, body, click, form)


@router.view(COUNTERSIGN_FORM)
async def submitted(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store what was chosen."""
    word = payloads.chosen(body, WORD_BLOCK, WORD_ACTION)
    item = CountersignSubmitted(**payloads.from_metadata(body), word=word)
    wrong = {} if word in WORDS else {WORD_BLOCK: "Please choose one."}
    await context.keep_form(ack, body, item, wrong, WORD_BLOCK)


@router.handles(CountersignSubmitted)
async def handle(context: HandlerContext, claim: Claim, item: CountersignSubmitted) -> float | None:
    """Record it; where it was wrong, ask for what takes it back."""
    said = WORDS.get(item.word, "")
    if not await _is_on_record(context, item, said):
        await decide(context, claim, item, item.request_id, Verdict.COUNTERSIGNED, said)
    # Where somebody else was faster, they are told so; the button asks for the restoration then.
    if item.word != WRONG or not await _is_on_record(context, item, said):
        return None
    why = f"Countersigned as wrong: {item.request_id}"
    return await restore(context, claim, item, Restore(request_id=item.request_id, reason=why))


async def _is_on_record(context: HandlerContext, item: CountersignSubmitted, said: str) -> bool:
    """Whether it is this very countersignature that counts."""
    stored = await context.store.requests.get(item.request_id)
    return stored is not None and any(
        (d.verdict, d.by, d.reason) == (Verdict.COUNTERSIGNED, item.user, said)
        for d in stored.request.decisions
    )
