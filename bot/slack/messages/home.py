"""The App Home: what waits for you, what is in flight, what you asked for, how it went. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from bot.command import PREFIX
from bot.errors import Refused
from bot.slack.messages.board import AppHomeData, Row, places
from bot.slack.messages.buttons import NEW
from bot.slack.messages.home_rows import asked, ended, mentioned, running, waiting
from bot.slack.messages.texts import Block, button, code, context, header, mention, prose, section

_MOST = 5
"""How many rows a part shows before it counts the rest: a view holds 100 blocks (Slack, Block
Kit reference), and a row has up to 5."""

_MOST_MENTIONED = 10
"""How many one-line rows a part shows."""

_EXAMPLE = f'{PREFIX} delete vco-p0w5112f 192.168.10.0/24 --reason "leaking, INC-4211"'


def view(data: AppHomeData, user: str, now: float) -> Block:
    """The page of `user` as it should look at `now`, in seconds since the epoch."""
    found = places(data, user)
    blocks = [
        *_warning(data.unreadable),
        *_part("Waits for you", found.waiting, lambda row: waiting(row, user, now), apart=True),
        *_unread(found.unread),
        *_part("In flight", found.running, lambda row: running(row, now)),
        *_elsewhere(found.elsewhere),
        *_part("You asked for", found.asked, asked),
        *_part("Recent outcomes", found.ended, ended, most=len(found.ended)),
        *_how_to_ask(),
    ]
    return {"type": "home", "blocks": blocks}


def closed(refusal: Refused) -> Block:
    """The page of somebody who may not look."""
    return {"type": "home", "blocks": [section(prose(f"{refusal.problem} {refusal.mend}"))]}


def _part(
    title: str,
    rows: Sequence[Row],
    show: Callable[[Row], Iterable[Block]],
    *,
    most: int = _MOST,
    apart: bool = False,
) -> Iterator[Block]:
    """`apart`: with a line between the rows, so that nobody takes a button for the next one's."""
    yield header(title)
    if not rows:
        yield context("Nothing.")
    for place, row in enumerate(rows[:most]):
        if apart and place:
            yield {"type": "divider"}
        yield from show(row)
    yield from _more(rows[most:])


def _more(rows: Sequence[Row]) -> Iterator[Block]:
    """How many rows there was no room for, and the commands that show them."""
    if rows:
        ways = {f"`{PREFIX} {'status' if r.request.state.open else 'history'}`" for r in rows}
        yield context(f"… and {len(rows)} more: {', '.join(sorted(ways, reverse=True))}")


def _elsewhere(rows: Sequence[Row]) -> Iterator[Block]:
    """What waits for somebody else; where there is nothing, there is nothing to say."""
    if rows:
        yield header("Waits for others")
        yield section("\n".join(map(mentioned, rows[:_MOST_MENTIONED])))
        yield from _more(rows[_MOST_MENTIONED:])


def _unread(groups: Sequence[str]) -> Iterator[Block]:
    if groups:
        names = " ".join(map(mention, groups[:_MOST_MENTIONED]))
        yield context(
            f":warning: Slack does not say who is in {names} just now: more may wait for you."
        )


def _warning(unreadable: Sequence[str]) -> Iterator[Block]:
    if unreadable:
        names = ", ".join(f"{code(one)}" for one in unreadable[:_MOST_MENTIONED])
        more = len(unreadable) - _MOST_MENTIONED
        rest = f" and {more} more" if more > 0 else ""
        yield section(f":warning: {names}{rest} can't be read by this version of the bot.")


def _how_to_ask() -> Iterator[Block]:
    yield {"type": "divider"}
    yield section(f"*How to ask*\nIn a channel: `{_EXAMPLE}`\nEverything else: `{PREFIX} help`")
    yield {
        "type": "actions",
        "elements": [button("Delete a route …", NEW, "new", style="primary")],
    }
