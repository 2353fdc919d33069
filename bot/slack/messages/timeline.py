"""The thread of a request: one line for each event that people should see. Pure."""

from collections import defaultdict
from collections.abc import Iterator

from bot.models import Event, EventKind, Request, RouteChange, RouteState
from bot.route_change import NOT_SENT
from bot.slack.messages.texts import (
    Block,
    Message,
    clock,
    context,
    duration,
    escape,
    mention,
    quoted,
    section,
)


def line(request: Request, event: Event) -> Message | None:
    """What the thread says of `event`; None for what only the audit records."""
    words = _words(request, event)
    if words is None:
        return None
    if event.route is not None and len(request.routes) > 1:
        words = f"`{escape(event.route.route_dest)}` · {words}"
    blocks: list[Block] = [section(f"{clock(event.at, seconds=True)}  {words}")]
    if reason := event.details.get("reason"):
        blocks.append(context(quoted(reason)))
    if ids := _ids(request, event):
        blocks.append(context(ids))
    return words, blocks


def _words(request: Request, event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912 - one line a kind
    # A detail that an older version did not record must not keep the thread from going on.
    details = defaultdict(str, {name: escape(value) for name, value in event.details.items()})
    match event.kind:
        case EventKind.APPROVED:
            return f"Approved by {mention(event.by)}"
        case EventKind.REJECTED:
            return f"Rejected by {mention(event.by)}"
        case EventKind.CANCELLED if event.by:
            return f"Cancelled by {mention(event.by)}"
        case EventKind.CANCELLED:
            return "Cancelled"
        case EventKind.EXPIRED:
            return f"Expired: nobody decided. {mention(request.requester)}, ask again if needed."
        case EventKind.DRIFTED:
            return f"Stopped before sending: what was approved has changed. {details['changed']}"
        case EventKind.SENDING if "unanswered" in details:
            return f"Sending again with the same token (attempt {details['attempt']})"
        case EventKind.SENT:
            return "Sent to Alibaba Cloud"
        case EventKind.WAITING:
            return f"Waiting: {details['meaning'] or details['code']}"
        case EventKind.ANSWER_LOST:
            return (
                "No answer from Alibaba Cloud: it may have worked. "
                "Looking before anything is repeated."
            )
        case EventKind.UPDATING:
            return "Connection is updating"
        case EventKind.ROUTE_ENDED:
            return _ended(request, event)
        case EventKind.ENDED:
            return _not_sent(request)
        case EventKind.RECONCILED:
            return "Proven after all: connection attached, route absent"
        case EventKind.TROUBLE:
            return f"Needs attention: {details['what']}"
        case _:
            return None


def _ended(request: Request, event: Event) -> str:
    route = next(r for r in request.routes if r.route == event.route)
    match event.details.get("state"):
        case RouteState.DELETED:
            took = duration(event.at - route.first_sent_at)
            return f"Connection attached, route absent: deleted in {took}"
        case RouteState.UNCONFIRMED:
            return (
                f"*Unconfirmed*: sent, but not proven within the time allowed. "
                f"{mention(request.requester)}, please look in the console. "
                f"We go on looking."
            )
        case RouteState.ALREADY_GONE:
            return "*Already gone*: there was no such route when we asked. We deleted nothing."
        case _:
            return f"*Not deleted*: {_failure(route)}"


def _not_sent(request: Request) -> str | None:
    """Which routes were left alone because an earlier one did not go; None where there is none."""
    names = [
        f"`{escape(r.route.route_dest)}`"
        for r in request.routes
        if r.failure is not None and r.failure.code == NOT_SENT.code
    ]
    return f"Stopped here: nothing was sent for {', '.join(names)}." if names else None


def _failure(route: RouteChange) -> str:
    if route.failure is None:
        return "no reason was recorded."
    return escape(f"{route.failure.meaning} {route.failure.next_step}".strip())


def _ids(request: Request, event: Event) -> str:
    """What a support ticket wants to know, where something was sent or has ended badly."""
    if event.kind is EventKind.SENT:
        return " · ".join(_sent_ids(event))
    bad = event.kind is EventKind.ROUTE_ENDED and event.details.get("state") != RouteState.DELETED
    if not bad:
        return ""
    route = next(r for r in request.routes if r.route == event.route)
    parts = []
    if route.failure:
        parts.append(f"code `{escape(route.failure.code)}`")
    failed_id = route.failure.alibaba_request_id if route.failure else ""
    if known := failed_id or route.alibaba_request_id:
        parts.append(f"Alibaba request `{escape(known)}`")
    if route.client_token:
        parts.append(f"token `{route.client_token}`")
    return "For a ticket: " + " · ".join(parts) if parts else ""


def _sent_ids(event: Event) -> Iterator[str]:
    for name, detail in (("request", "alibaba_request_id"), ("token", "client_token")):
        if known := event.details.get(detail):
            yield f"{name} `{escape(known)}`"
