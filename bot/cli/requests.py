"""`vco-route-bot requests`: what is in flight, pending, done, for when Slack is down. Read-only.

All of it is read from the database that `REDIS_URL` names. Nothing else has to be set, and
neither Slack nor Alibaba Cloud is asked. Nothing can be approved or changed here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import TextIO

from bot.cli.listing import as_json, fields, summary, table
from bot.cli.output import Write, to_stderr, to_stdout
from bot.command.errors import InvalidValue
from bot.command.values import request_id_of
from bot.config.environment import Texts
from bot.config.settings import DatabaseSettings
from bot.errors import SettingsError, StoreRefused, StoreUnavailable, Unreadable
from bot.models import Event
from bot.slack.messages.labels import by_urgency
from bot.slack.messages.mrkdwn import printable
from bot.slack.messages.receipt import receipt_text
from bot.store import CardState, Database, Store, Stored
from bot.store.connect import connect

MOST_READ = 2000
"""How many requests `--all` looks through: what is older is in the audit."""


def forgiving(stream: TextIO) -> None:
    """Let `stream` take every text: what its encoding lacks is spelled out, as stderr does."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


@asynccontextmanager
async def opened(env: Texts) -> AsyncIterator[Store]:
    """The store, to be read; `REDIS_URL` is all that has to be set.

    Raises:
        SettingsError: It is no address, or does not answer.
    """
    target = DatabaseSettings.load(env).redis
    store = Store(Database(connect(target)))
    try:
        yield store
    except (StoreUnavailable, StoreRefused) as error:
        does = "does not answer" if isinstance(error, StoreUnavailable) else "refuses us"
        raise SettingsError([f"REDIS_URL: {target.where} {does} ({error})"]) from None
    finally:
        await store.database.close()


async def show_all(
    env: Texts,
    *,
    ended: bool = False,
    json: bool = False,
    write: Write = to_stdout,
    complain: Write = to_stderr,
) -> int:
    """Write what is in flight and pending, with `ended` the others too.

    Returns 1 if some can't be read.
    """
    async with opened(env) as store:
        ids = await store.requests.open_ids()
        latest = await store.requests.latest_ids(MOST_READ + 1) if ended else []
        wanted = list(dict.fromkeys([*ids, *latest[:MOST_READ]]))
        found = await store.requests.many(wanted)
        now = await store.database.now()
    requests = by_urgency(stored.request for stored in found.stored)
    for line in map(as_json, map(summary, requests)) if json else table(requests, now):
        write(f"{line}\n")
    for one in found.unreadable:
        complain(f"{printable(one)} can't be read by this version\n")
    if len(latest) > MOST_READ:
        complain(f"Only the newest {MOST_READ} are shown; `vco-route-bot audit` has them all.\n")
    if not found.stored and not found.unreadable:
        complain("There are no requests.\n" if ended else "Nothing is pending or in flight.\n")
    return 1 if found.unreadable else 0


async def show_one(
    env: Texts,
    typed: str,
    *,
    json: bool = False,
    write: Write = to_stdout,
    complain: Write = to_stderr,
) -> int:
    """Write the receipt of a request; returns 1 if it is not known or can't be read.

    Raises:
        SettingsError: That is no request's id.
    """
    target = _request_id(typed)
    async with opened(env) as store:
        try:
            found = await store.recorded(target)
        except Unreadable as error:
            complain(f"{error}: it may be of a newer one, or damaged\n")
            return 1
    if found is None:
        complain(f"{target} is not known (any more); `vco-route-bot audit` has all that happened\n")
        return 1
    if found.problem:
        # The receipt is worth having without the link.
        complain(f"{found.problem}\n")
    stored, posted, _ = found
    lines = [as_json(_record(stored, posted))] if json else _receipt(stored, posted)
    write("".join(f"{line}\n" for line in lines))
    return 0


def _request_id(typed: str) -> str:
    try:
        return request_id_of(typed)
    except InvalidValue as invalid:
        line = f"{printable(invalid.problem)} `vco-route-bot requests --all` lists them."
        raise SettingsError([line]) from None


def _record(stored: Stored, posted: CardState) -> object:
    """All that is recorded, for a machine."""
    request, (number, _, link) = stored.request, stored.audit.partition(" ")
    more = {"audit": {"entry": int(number or 0), "hash": link}, "link": posted.link}
    return summary(request) | {"record": fields(request)} | more


def _receipt(stored: Stored, posted: CardState) -> list[str]:
    """The receipt, and all that happened: with Slack down nobody can read the thread."""
    events = map(_event, stored.request.timeline)
    return [*receipt_text(stored, posted), "", "Events", *map(printable, events)]


def _event(event: Event) -> str:
    by = f" by {event.by}" if event.by else ""
    route = f" {event.route.route_dest}" if event.route else ""
    details = "".join(f" · {name} {value}" for name, value in event.details.items())
    at = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{at}  {event.kind.replace('_', ' ')}{route}{by}{details}"
