"""What monitoring after a change has shown: on the card, and in the thread. Pure."""

from collections.abc import Iterator, Mapping

from bot.models import Event, EventKind, Request
from bot.slack.messages.labels import Symbol
from bot.slack.messages.mrkdwn import clock, duration, prose, utc
from bot.slack.messages.style import Style


def down(request: Request) -> str:
    """What is down since the change, in a few words of plain text; empty: nothing is."""
    if not request.degraded:
        return ""
    details = request.degraded[-1].details
    tunnels, sessions = _count(details, "tunnels"), _count(details, "sessions")
    counted = ((tunnels, "tunnel"), (sessions, "BGP session"))
    names = " and ".join(_so_many(count, one) for count, one in counted if count)
    verb = "are" if tunnels + sessions > 1 else "is"
    # An older version has not counted them.
    return f"{names or 'a tunnel'} {verb} down since {utc(request.degraded[0].at)}"


def worse(request: Request) -> str:
    """What is down since the change, each by its name, in mrkdwn."""
    said = sentence(request.degraded[-1].details.get("what", "the connection is worse"))
    since = clock(request.degraded[0].at)
    over = _end(request)
    if over is None:
        return f"*{said}* since {since}. It was up before this change. {_watching(request)}".strip()
    return f"*{said}* since {since}, and still when the watching ended {clock(over.at)}."


def quiet(request: Request) -> Iterator[str]:
    """That the tunnels are being watched, or were and all is as before; nothing is down."""
    if not request.snapshot.connection.tunnels:
        return
    over = _end(request)
    if over is None:
        if said := _watching(request):
            yield said
    elif "unread" in over.details:
        yield _unread(request)
    elif over.details.get("known"):
        yield f"Tunnels and BGP as before, watched until {clock(over.at)}."


def degraded_line(request: Request, details: Mapping[str, str], style: Style) -> str:
    """What the thread says when something has become worse; `details` as `style` writes them."""
    worse = style.strong("Worse than before this change")
    return f"{Symbol.LOOK} {worse}: {details['what']}. {_people(request, style)}"


def over_line(request: Request, details: Mapping[str, str], style: Style) -> str | None:
    """How the monitoring ended; None where nothing was known that could have become worse."""
    watched = f"Watched for {duration(request.terms.watch)}"
    if worse := details.get("degraded"):
        said = f"{Symbol.LOOK} {watched}: still worse than before this change: {worse}."
        return f"{said} {_people(request, style)}"
    if not details.get("known"):
        return None
    return _unread(request) if "unread" in details else f"{watched}: tunnels and BGP as before."


def _people(request: Request, style: Style) -> str:
    """Who asked, and who approved: they hear what came of it."""
    return " ".join(map(style.mention, (request.requester, *request.approvers)))


def sentence(words: str) -> str:
    """Somebody else's words as the beginning of a sentence."""
    return prose(words[:1].upper() + words[1:])


def _unread(request: Request) -> str:
    watched = f"Watched for {duration(request.terms.watch)}"
    return f"{watched}; the last read failed. Look at the tunnels in the console."


def _watching(request: Request) -> str:
    until = request.monitored_until
    return f"Watching the tunnels until {clock(until)}." if until else ""


def _end(request: Request) -> Event | None:
    return next((e for e in reversed(request.timeline) if e.kind is EventKind.MONITORED), None)


def _count(details: Mapping[str, str], name: str) -> int:
    said = details.get(name, "")
    return int(said) if said.isdecimal() else 0


def _so_many(count: int, one: str) -> str:
    return f"a {one}" if count == 1 else f"{count} {one}s"
