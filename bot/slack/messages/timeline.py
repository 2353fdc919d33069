"""The thread of a request: one line for each event that people should see. Pure.

What calls people is shown in the channel as well, see `broadcast`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from bot.lifecycle.request import voided_by
from bot.lifecycle.route_change import NOT_SENT
from bot.models import Event, EventKind, Request, RequestState, RouteChange, RouteState
from bot.preview.rollback import can_ask_again, can_roll_back
from bot.slack.messages.buttons import again_button, restore_button
from bot.slack.messages.labels import Symbol, nothing, words
from bot.slack.messages.monitored import degraded_line, over_line
from bot.slack.messages.mrkdwn import (
    Block,
    Message,
    clock,
    code,
    context,
    duration,
    fits,
    literal,
    mention,
    named,
    prose,
    quoted,
    section,
    some_are,
)
from bot.slack.messages.reminder import reminder
from bot.slack.messages.stays import stays_words
from bot.slack.messages.style import SLACK, Style
from bot.slack.messages.unconfirmed import last_seen

_GOOD = (RouteState.DELETED, RouteState.RESTORED)

_CALLS = frozenset({EventKind.APPROVAL_REMINDER, EventKind.DEGRADED, EventKind.MONITORED})
"""Of what a thread says, what calls somebody who may not be reading it."""


def line(request: Request, event: Event) -> Message | None:
    """What the thread says of `event`; None for what only the audit records."""
    if event.kind is EventKind.APPROVAL_REMINDER:
        return reminder(request, event) if _current(request, event) else None
    said = _said(request, event)
    if said is None:
        return None
    said = _of_route(request, event, said, SLACK)
    blocks: list[Block] = [section(f"{clock(event.at, seconds=True)}  {said}")]
    if reason := event.details.get("reason"):
        blocks.append(context(quoted(reason)))
    if ids := _ids(request, event):
        blocks.append(context(ids))
    if buttons := list(_buttons(request, event)):
        blocks.append({"type": "actions", "elements": buttons})
    return said, blocks


def broadcast(event: Event) -> bool:
    """Whether the channel should see what the thread says of `event`."""
    if event.kind is EventKind.MONITORED:
        return bool(event.details.get("degraded"))
    # A tunnel that goes up and down is told each time, and to everybody once; and whom a request
    # calls besides is said right after its card, which has called everybody.
    return event.kind in _CALLS and not event.details.keys() & {"again", "called"}


def _current(request: Request, event: Event) -> bool:
    """Whether a reminder still has to be said: nothing was decided, and no later one came."""
    later = (e for e in reversed(request.timeline) if e.kind is event.kind)
    return request.state is RequestState.PENDING and next(later, event) == event


def lines(request: Request, said: int, until: int | None = None) -> tuple[int, Message | None]:
    """The events after the first `said`, up to `until`, in one message; None: nothing to say.

    Returns also how many events are said with it: where they are more than a message holds, the
    others are for the next one. What the channel should see is a post of its own.
    """
    texts: list[str] = []
    blocks: list[Block] = []
    for event in request.timeline[said:until]:
        if message := line(request, event):
            text, more = message
            alone = broadcast(event)
            if blocks and (alone or not fits([*blocks, *more])):
                break
            texts.append(text)
            blocks += more
            if alone:
                return said + 1, (text, blocks)
        said += 1
    return said, ("\n".join(texts), blocks) if blocks else None


def forgotten(request: Request, shows: str) -> Message:
    """What is said below a card whose outcome the database has forgotten."""
    said = (
        f"{Symbol.LOOK} *The bot's database went back in time.* This card shows what was so, "
        f"{literal(shows)}; the database has this request as {literal(request.state)} and knows "
        "nothing of it any more. The card stays as it is. Look at the route in the console: "
        f"{mention(request.requester)} {_deciders(request)}"
    ).strip()
    return said, [section(said)]


def _said(request: Request, event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912 - one line a kind
    details = _details(event, SLACK)
    match event.kind:
        case EventKind.APPROVED:
            return f"Approved by {mention(event.by)}{_of_how_many(request, event)}"
        case EventKind.BROKE_GLASS:
            return (
                f"{Symbol.LOOK} *Break-glass*: {mention(event.by)} goes ahead without approval. "
                f"{_approvers(request)}, please look at this and countersign."
            )
        case EventKind.COUNTERSIGNED:
            return f"Countersigned by {mention(event.by)}"
        case EventKind.TERMS_CHANGED:
            return f"The policy has changed: {_approvers(request)}, {_demanded(request)} now."
        case EventKind.REJECTED:
            said = f"Rejected by {mention(event.by)}. Nothing was sent."
            return f"{said}{stays_words(request)} {mention(request.requester)}"
        case EventKind.CANCELLED if event.by:
            return f"Withdrawn by {mention(event.by)}"
        case EventKind.CANCELLED:
            return "Cancelled"
        case EventKind.STOPPED:
            return _stopped(request, event)
        case EventKind.EXPIRED:
            said = "Expired: too few approvals in time. Nothing was sent."
            return f"{said}{stays_words(request)} {mention(request.requester)}"
        case EventKind.DRIFTED:
            return _drifted(request, details)
        case EventKind.SENDING if "unanswered" in details:
            return f"Sending again with the same token (attempt {details['attempt']})"
        case EventKind.SENT:
            return "Sent to Alibaba Cloud"
        case EventKind.WAITING if "unanswered" in details:
            return f"Checking, for there was no answer: {details['meaning'] or details['code']}"
        case EventKind.WAITING:
            return f"Waiting: {details['meaning'] or details['code']}"
        case EventKind.ANSWER_LOST:
            return (
                "No answer from Alibaba Cloud: it may have worked. "
                "Checking before anything is repeated."
            )
        case EventKind.UPDATING:
            return "Connection is updating"
        case EventKind.ROUTE_ENDED:
            return _ended(request, event)
        case EventKind.ENDED:
            return _not_sent(request)
        case EventKind.RECONCILED:
            return f"Confirmed after all: {words(request).so}, connection attached"
        case _:
            return _since(request, event, SLACK)


def since(request: Request, event: Event, style: Style) -> str | None:
    """What is said of what came after the decision or the change; None of anything else."""
    said = _since(request, event, style)
    return said and _of_route(request, event, said, style)


def _since(request: Request, event: Event, style: Style) -> str | None:
    details = _details(event, style)
    match event.kind:
        case EventKind.COUNTERSIGN_REMINDER:
            who = _approvers(request, style)
            waits = f"{who}: this break-glass still waits for a countersignature."
            over = "the time to countersign this break-glass is over, and nobody has."
            return f"{Symbol.LOOK} {who}: {over}" if "overdue" in details else waits
        case EventKind.DEGRADED:
            return degraded_line(request, details, style)
        case EventKind.RECOVERED:
            return "Tunnels and BGP are as they were before this change."
        case EventKind.MONITORED:
            return over_line(request, details, style)
        case EventKind.TROUBLE:
            return f"Needs attention: {details['what']} {style.mention(request.requester)}"
        case _:
            return None


def _of_route(request: Request, event: Event, said: str, style: Style) -> str:
    """The same with the route before it, where there are several."""
    if event.route is None or len(request.routes) == 1:
        return said
    return f"{style.code(event.route.route_dest)} · {said}"


def _details(event: Event, style: Style) -> Mapping[str, str]:
    # A detail that an older version did not record must not keep the thread from going on.
    return defaultdict(str, {name: style.prose(value) for name, value in event.details.items()})


def _ended(request: Request, event: Event) -> str:
    route = next(r for r in request.routes if r.route == event.route)
    match event.details.get("state"):
        case RouteState.DELETED | RouteState.RESTORED:
            took = duration(event.at - route.first_sent_at)
            said = words(request).so.capitalize()
            return f"{said}, connection attached: {words(request).done} in {took}"
        case RouteState.UNCONFIRMED:
            return (
                f"{Symbol.LOOK} *Sent, not confirmed* within the time allowed."
                f"{_last_seen(request, route)} "
                f"{mention(request.requester)}, please look in the console. "
                f"The bot goes on checking."
            )
        case RouteState.ALREADY_GONE:
            return "*Already gone*: there was no such route when it was sent. Nothing was deleted."
        case RouteState.ALREADY_THERE:
            return "*Already there*: the route was there when it was sent. Nothing was created."
        case _:
            stays = stays_words(replace(request, routes=(route,)))
            return (
                f"{Symbol.NOT_DONE} *Not {words(request).done}*: {_failure(route)}{stays} "
                f"{mention(request.requester)}"
            )


def _stopped(request: Request, event: Event) -> str:
    """Who stopped it, and that nothing came of it; who asked hears it, unless it was they."""
    said = f"Stopped by {mention(event.by)} before anything was accepted. {nothing(request)}."
    other = "" if event.by == request.requester else f" {mention(request.requester)}"
    return f"{said}{stays_words(request)}{other}"


def _last_seen(request: Request, route: RouteChange) -> str:
    if not route.watch.polls:
        return ""
    at = f" {clock(route.watch.at)}" if route.watch.at else ""
    return f" Last seen{at}: {last_seen(request, route.watch)}."


def _of_how_many(request: Request, event: Event) -> str:
    needed = request.terms.approvals
    if needed == 1 or event.by not in request.approvers:
        return ""
    return f" ({request.approvers.index(event.by) + 1} of {needed})"


def _demanded(request: Request) -> str:
    terms = request.terms
    typing = f", each with {literal(terms.typed)} typed" if terms.typed else ""
    return f"{some_are(terms.approvals, 'approval')} needed{typing}"


def _approvers(request: Request, style: Style = SLACK) -> str:
    return named(request.terms.approvers.ids, style.mention)


def _deciders(request: Request) -> str:
    """Those who approved, so that they hear what came of it."""
    return " ".join(map(mention, request.approvers))


def _drifted(request: Request, details: Mapping[str, str]) -> str:
    said = "Stopped before sending: what was approved has changed."
    # Of a route that was sent already its own line says how it ended.
    stays = stays_words(request) if "untouched" in details else ""
    cause = voided_by(request)
    by = f" Request {code(cause)} did that." if cause else ""
    posted = " ".join(filter(None, [mention(request.requester), _deciders(request)]))
    return f"{said} {details['changed']}{by}{stays} {posted}"


def _buttons(request: Request, event: Event) -> Iterator[Block]:
    """What one may want to do about it, right where it is told."""
    worse = event.kind is EventKind.DEGRADED or bool(event.details.get("degraded"))
    if worse and can_roll_back(request):
        yield restore_button(request)
    if _ends_undone(request, event) and can_ask_again(request):
        yield again_button(request)


def _ends_undone(request: Request, event: Event) -> bool:
    """Whether with `event` a request ended that somebody wanted and that was not done."""
    match event.kind:
        case EventKind.REJECTED | EventKind.EXPIRED:
            return True
        case EventKind.DRIFTED:
            return request.state is RequestState.VOID
        case EventKind.ROUTE_ENDED:
            return event.details.get("state") == RouteState.FAILED
        case _:
            return False


def _not_sent(request: Request) -> str | None:
    """Which routes were left alone because an earlier one did not go; None where there is none."""
    names = [
        f"{code(r.route.route_dest)}"
        for r in request.routes
        if r.failure is not None and r.failure.code == NOT_SENT.code
    ]
    return f"Stopped here: nothing was sent for {', '.join(names)}." if names else None


def _failure(route: RouteChange) -> str:
    if route.failure is None:
        return "no reason was recorded."
    return prose(f"{route.failure.meaning} {route.failure.next_step}".strip())


def _ids(request: Request, event: Event) -> str:
    """What a support ticket wants to know, where something was sent or has ended badly."""
    if event.kind is EventKind.SENT:
        known = event.details.get("alibaba_request_id")
        return f"request {code(known)}" if known else ""
    bad = event.kind is EventKind.ROUTE_ENDED and event.details.get("state") not in _GOOD
    if not bad:
        return ""
    route = next(r for r in request.routes if r.route == event.route)
    parts = []
    if route.failure:
        parts.append(f"code {code(route.failure.code)}")
    failed_id = route.failure.alibaba_request_id if route.failure else ""
    if known := failed_id or route.alibaba_request_id:
        parts.append(f"Alibaba request {code(known)}")
    return "For a ticket: " + " · ".join(parts) if parts else ""
