"""What is not confirmed: what was seen of it, and how long it is checked. Pure."""

from bot.lifecycle.proof import NO_LONGER_CHECKED, RECONCILE_SECONDS
from bot.models import Operation, Request, RouteState, Watch
from bot.slack.messages.labels import CONSOLE
from bot.slack.messages.mrkdwn import clock, code, literal


def unconfirmed_line(request: Request) -> str:
    """What was seen last and when, for how long it is checked, and where to look."""
    watch = _unconfirmed(request)
    parts = ["Sent to Alibaba Cloud, not confirmed: it may or may not have been done."]
    if watch.polls:
        at = f" {clock(watch.at)}" if watch.at else ""
        parts.append(f"Last seen{at}: {last_seen(request, watch)}.")
    parts.append(f"{_checked_until(request)} Look in the {console(request)}.")
    return " ".join(parts)


def last_seen(request: Request, watch: Watch) -> str:
    """What the latest read of the connection and its routes showed."""
    still = "still " if request.operation is Operation.DELETE else ""
    listed = {True: f", route {still}listed", False: ", route not listed", None: ""}[watch.present]
    return f"connection {literal(watch.state)}{listed}"


def console(request: Request) -> str:
    """A link to the vendor's console, where its region is."""
    return f"<{CONSOLE.format(region=_plain_region(request))}|console>"


def _plain_region(request: Request) -> str:
    return "".join(c for c in request.region if c.isalnum() or c == "-")


def _unconfirmed(request: Request) -> Watch:
    unsure = (r.watch for r in request.routes if r.state is RouteState.UNCONFIRMED)
    return next(unsure, Watch())


def _checked_until(request: Request) -> str:
    if any(e.details.get("what") == NO_LONGER_CHECKED for e in request.timeline):
        return "It is not checked any more."
    return f"Checking until {clock(request.ended_at + RECONCILE_SECONDS, day=True)}."


def checking(request: Request) -> str:
    """The answer to *Check now*."""
    return f"Checking {code(request.id)} now. Its card says what is seen."


def checked_lately(request: Request) -> str:
    """The same where it was read just now."""
    watch = _unconfirmed(request)
    return f"Checked {clock(watch.at, seconds=True)}: {last_seen(request, watch)}."


def nothing_to_check(request: Request | None) -> str:
    """The same where there is nothing unconfirmed any more."""
    if request is None:
        return "This request is not known any more. Look at the route in the console."
    return f"Nothing to check: {code(request.id)} is {request.state} now."
