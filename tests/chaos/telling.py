"""What must hold in the end, when everything works again: requests end, and people are told."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from stage import lines_of

from bot.models import Event, EventKind, RequestState, RouteState, Verdict
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.slack.messages.buttons import APPROVE, CANCEL, REJECT
from chaos.evidence import Case, Evidence
from chaos.people import Clicked, answers
from chaos.plan import Kind

_CARD = {
    RequestState.PENDING: ("Delete ",),
    RequestState.DELETED: ("Deleted ",),
    RequestState.FAILED: ("Not deleted:", "Only partly deleted:"),
    RequestState.UNCONFIRMED: ("Sent, not confirmed:", "Unconfirmed:"),
    RequestState.REJECTED: ("Rejected:",),
    RequestState.EXPIRED: ("Expired:",),
    RequestState.CANCELLED: ("Withdrawn:", "Cancelled:", "Stopped:"),
    RequestState.VOID: ("Void:",),
}
_VERDICTS = {
    EventKind.APPROVED: Verdict.APPROVED,
    EventKind.REJECTED: Verdict.REJECTED,
    EventKind.CANCELLED: Verdict.CANCELLED,
    EventKind.STOPPED: Verdict.STOPPED,
}
SETTLED_WITHIN = 50.0
"""Seconds, more than any operation time-out, for everything to end and to be told, once nothing
goes wrong any more."""

MAY_REPEAT = frozenset(
    {
        *(Kind.BOT_KILLED, Kind.BOT_KILLED_AT_SEND, Kind.BOT_STOPPED, Kind.BOT_STOPPED_AT_SEND),
        *(Kind.SLACK_LOST, Kind.SLACK_HANG),
    }
)
"""After each of these nobody can know whether the line in hand was posted."""


def in_the_end(found: Evidence) -> Iterator[str]:
    """Everything that must hold once the world is calm, within the time that is allowed."""
    forgot = found.world.plan.replica
    for case in found.cases.values():
        if EventKind.SUBMITTED not in {e.kind for e in case.events}:
            continue  # a refusal before there was a request
        if case.state in (RequestState.APPROVED, RequestState.EXECUTING):
            yield f"{case.id}: approved, and has not ended"
        elif case.state is RequestState.PENDING and found.world.plan.expiry < SETTLED_WITHIN:
            yield f"{case.id}: nobody decided, and it has not expired"
        elif not forgot:
            yield from _card(case)
        if not forgot:
            yield from _thread(case)
        # The version before puts off for a minute what it does not know.
        if not (forgot or found.world.mixed):
            yield from _direct(case, _timed_out(found, case))
    if not forgot:
        yield from _everybody_is_answered(found)


def taken_back(found: Evidence) -> Iterator[str]:
    """A card that has said what became of the routes says nothing else afterwards."""
    for case in found.cases.values():
        for card in case.cards:
            said = [_title({"blocks": blocks}) for blocks in (*card.past, card.blocks)]
            ends = [words for words in said if words.startswith(_CARD[RequestState.DELETED])]
            if ends and not said[-1].startswith(_CARD[RequestState.DELETED]):
                yield f"{case.id}: its card said {ends[0]!r} and now says {said[-1]!r}"


def _title(message: Any) -> str:  # noqa: ANN401 - JSON
    """The first line without its symbol, which a version before this one does not have."""
    return text_of(message).split("\n", 1)[0].lstrip("🟠⏳✅⚠️❌⚪ ")


def told_twice(found: Evidence, unknowable: int) -> Iterator[str]:
    """Cards and lines that came twice where that could be known.

    `unknowable`: how often something happened after which a message may be posted twice.
    """
    for case in found.cases.values():
        knowable = unknowable + found.stumbles(case.id)
        if len(case.cards) - 1 > knowable:
            yield f"{case.id}: {len(case.cards)} cards"
        if (lines := _followed(case)[1]) > knowable:
            yield f"{case.id}: {lines} lines came twice"
        if (twins := _twins(case)) > knowable:
            yield f"{case.id}: {twins} direct messages came twice"


def repeats(found: Evidence) -> int:
    """How many cards, lines and direct messages came twice."""
    cards = sum(max(0, len(case.cards) - 1) for case in found.cases.values())
    return cards + sum(_followed(case)[1] + _twins(case) for case in found.cases.values())


def _twins(case: Case) -> int:
    return len(case.direct) - len({message.channel for message in case.direct})


def _timed_out(found: Evidence, case: Case) -> set[str]:
    """The channels in which a message about a request may have come after it was waited for."""
    return {
        str(call.args["channel"])
        for call in found.world.slack.requests
        if (call.method, call.error) == ("chat.postMessage", "hanging")
        and _about(call.args) == case.id
    }


def _about(args: dict[str, Any]) -> str:
    return str(args.get("metadata", {}).get("event_payload", {}).get("request", ""))


def _direct(case: Case, timed_out: set[str]) -> Iterator[str]:
    """What asks nobody any more has no buttons; what nobody could know of yet is left alone."""
    if case.state is RequestState.PENDING:
        return
    for channel in {message.channel for message in case.direct} - timed_out:
        mine = [_buttons(m) for m in case.direct if m.channel == channel]
        if all(mine):
            yield f"{case.id}: {case.state}, and a direct message still has {mine[0]}"


def _buttons(message: Message) -> list[str]:
    return [a for a in (APPROVE, REJECT, CANCEL) if find_element(message.blocks, a)]


def _card(case: Case) -> Iterator[str]:
    """One card is right. A twin that came when nobody could know of it is judged as such."""
    problems = [list(_wrong_with(case, card)) for card in case.cards]
    if not problems:
        yield f"{case.id}: {case.state}, and has no card"
    else:
        yield from min(problems, key=len)


def _wrong_with(case: Case, card: Message) -> Iterator[str]:
    said = _title({"blocks": card.blocks})
    if not said.startswith(_CARD[case.state]):
        yield f"{case.id}: {case.state}, and its card says {said!r}"
    buttons = _buttons(card)
    if bool(buttons) is not (case.state is RequestState.PENDING):
        yield f"{case.id}: {case.state}, and its card has the buttons {buttons}"


def _thread(case: Case) -> Iterator[str]:
    told, _, wrong = _followed(case)
    missing = [one for one in list(_expected(case))[told:] if not one.optional]
    if wrong:
        yield f"{case.id}: a line out of place: {wrong!r}"
    elif missing:
        yield f"{case.id}: the thread does not say {missing[0]}"


def _followed(case: Case) -> tuple[int, int, str]:
    """How many of the expected lines came in order, how many came again, and a wrong one."""
    expected = list(_expected(case))
    told = repeated = 0
    for line in (line for post in case.lines for line in lines_of(post)):
        place = _place(line, expected, told)
        if place is not None:
            told = place + 1
        elif any(_says(line, earlier) for earlier in expected[:told]):
            repeated += 1
        else:
            return told, repeated, line
    return told, repeated, ""


class _Line(NamedTuple):
    """The second and some words of a line that the thread should have, or may have."""

    at: int
    words: str
    optional: bool


def _place(line: str, expected: list[_Line], told: int) -> int | None:
    """Which of the lines that are still to come it is; of those before it none may be missing."""
    for place, one in enumerate(expected[told:], start=told):
        if _says(line, one):
            return place
        if not one.optional:
            return None
    return None


def _says(line: str, expected: _Line) -> bool:
    words = expected.words.split("|")
    return line.startswith(f"<!date^{expected.at}^") and any(one in line for one in words)


def _expected(case: Case) -> Iterator[_Line]:
    """Each line of the thread; a reminder is left out where it would come too late."""
    for event in case.events:
        if words := _words(case, event):
            yield _Line(int(event.at), words, event.kind is EventKind.APPROVAL_REMINDER)


def _words(case: Case, event: Event) -> str:
    match event.kind:
        case EventKind.SENDING:
            attempt = event.details["attempt"]
            return f"(attempt {attempt})" if "unanswered" in event.details else ""
        case EventKind.SENT:
            return event.details["alibaba_request_id"]
        case EventKind.ROUTE_ENDED:
            return _ENDS[RouteState(event.details["state"])]
        case EventKind.ENDED:
            state = RequestState(event.details["state"])
            skipped = state is not RequestState.DELETED and len(case.routes) < case.asked
            return "Stopped here" if skipped else ""
        case _:
            return _LINES.get(event.kind, "")


_LINES = {
    EventKind.APPROVED: "Approved by",
    EventKind.REJECTED: "Rejected by",
    EventKind.CANCELLED: "Withdrawn|Cancelled",
    EventKind.STOPPED: "Stopped by",
    EventKind.EXPIRED: "Expired",
    EventKind.DRIFTED: "Stopped before sending",
    EventKind.WAITING: "Waiting|Checking, for there was no answer",
    EventKind.ANSWER_LOST: "No answer from Alibaba Cloud",
    EventKind.UPDATING: "Connection is updating",
    EventKind.RECONCILED: "after all",
    EventKind.TROUBLE: "Needs attention",
    EventKind.APPROVAL_REMINDER: "left*",
}
_ENDS = {
    RouteState.DELETED: "deleted in",
    RouteState.UNCONFIRMED: "within the time allowed",
    RouteState.ALREADY_GONE: "Already gone",
    RouteState.FAILED: "Not deleted",
}


def _everybody_is_answered(found: Evidence) -> Iterator[str]:
    """Each command and click that was taken came to something, or its person was told."""
    hooks = found.world.slack.state.hooks
    told = _told_otherwise(found)
    for typed in found.people.typed:
        came_to_something = answers(hooks[typed.hook]) or found.people.cards(typed.label)
        if typed.stored and not came_to_something and not _spend(told, typed.who):
            yield f"{typed.who}'s command ({typed.label}) was taken, and nothing came of it"
    forms = {(c.who, c.request) for c in found.people.clicked if c.verdict is Verdict.REJECTED}
    for click in found.people.clicked:
        answered = bool(click.hook) and answers(hooks[click.hook])
        opened = click.verdict is None and (click.who, click.request) in forms
        if not click.taken or answered or opened or _decided(found, click):
            continue
        if not _spend(told, click.who):
            what = click.verdict or "the button that opens the form"
            yield f"{click.request}: {click.who} clicked ({what}) and heard nothing"


def _told_otherwise(found: Evidence) -> Counter[str]:
    """How often people were told something where no response_url answered them.

    A card and a line of its thread bear metadata; an answer to one person bears none.
    """
    told: Counter[str] = Counter()
    for call in found.world.slack.requests:
        if call.method == "chat.postEphemeral" and not call.error:
            told[call.args["user"]] += 1
        elif call.method == "chat.postMessage" and not call.error and "metadata" not in call.args:
            told[call.args["channel"]] += 1
    return told


def _spend(told: Counter[str], who: str) -> bool:
    told[who] -= 1
    return told[who] >= 0


def _decided(found: Evidence, click: Clicked) -> bool:
    case = found.cases.get(click.request)
    return case is not None and any(
        (d.by, _VERDICTS.get(d.kind)) == (click.who, click.verdict) for d in case.decisions
    )
