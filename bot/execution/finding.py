"""Find the connection that is meant, by its name or in another region. Nothing is guessed.

A name is looked for in the region that was named, else in the default one, else in the others. It
has to be the name of exactly one connection there; of anything else the connections that may be
meant are offered, each as a whole command.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from bot.command import render
from bot.errors import AlibabaError, Offer, Unclear, UserError
from bot.execution.cloud import ConnectionReads
from bot.models import Connection, Draft, Value
from bot.preview.names import called, nearest

log = structlog.get_logger(__name__)

SECONDS = 6.0
"""How long looking for a connection may take, in all regions: less than a step."""

AT_ONCE = 6
"""How many regions are read at once."""

REGIONS_SECONDS = 3600.0
"""For how long the list of all regions is believed; it hardly ever changes."""

_MOST_NAMED = 6
"""How many regions an answer names before it counts them."""

Command = Callable[[Connection], str]
"""The command that is about one connection."""


class Wanted(Value, frozen=True):
    """A connection as it was given: by its id, or by its name; `region` empty: none was named."""

    vpn_connection_id: str = ""
    name: str = ""
    region: str = ""

    @property
    def word(self) -> str:
        """As it was typed."""
        return self.vpn_connection_id or self.name


class _Seen(NamedTuple):
    """The connections of the regions that were read, and the regions that could not be."""

    connections: Mapping[str, tuple[Connection, ...]]
    unread: tuple[str, ...] = ()

    @property
    def all(self) -> Sequence[Connection]:
        return [one for found in self.connections.values() for one in found]


class Finder:
    """Finds connections."""

    def __init__(
        self,
        cloud: ConnectionReads,
        regions: Callable[[], Awaitable[tuple[str, ...]]],
        *,
        default: str | None,
        configured: tuple[str, ...] = (),
        seconds: float = SECONDS,
    ) -> None:
        """Look into `cloud`: in the region `default` first, then in those that are `configured`.

        Where none are, in all that `regions` lists.
        """
        self._cloud = cloud
        self._regions = regions
        self._default = default
        self._configured = configured
        self._seconds = seconds
        self._listed: tuple[str, ...] = ()
        self._until = 0.0

    async def draft(self, draft: Draft) -> Draft:
        """The draft with its connection found, where it was given by its name.

        Raises:
            Unclear: see `connection`.
        """
        if draft.vpn_connection_id:
            return draft
        wanted = Wanted(name=draft.connection_name, region=draft.region)
        found = await self.connection(wanted, command_of(draft))
        return at(draft, found)

    async def connection(self, wanted: Wanted, command: Command) -> Connection:
        """The one connection of this name.

        Raises:
            Unclear: There is none, or there are several; with the commands that may be meant.
            AlibabaError: The region that matters most could not be read.
        """
        first = wanted.region or self._default
        seen = _Seen({})
        if first:
            seen = await self._first(first)
            if found := called(wanted.name, seen.all):
                if len(found) == 1:
                    return found[0]
                raise _several(wanted, found, command)
        others = await self._others(first)
        found = called(wanted.name, others.all)
        if len(found) == 1 and not others.unread and not wanted.region:
            return found[0]
        if found:
            raise _elsewhere(wanted, first, found, others, command)
        raise _nowhere(wanted, first, seen, others, command)

    async def missing(self, wanted: Wanted, command: Command) -> UserError:
        """What to say where there is no connection of this id in its region."""
        others = await self._others(wanted.region)
        found = [c for c in others.all if c.vpn_connection_id == wanted.vpn_connection_id]
        if found:
            return _elsewhere(wanted, wanted.region, found, others, command)
        try:
            seen = await self._first(wanted.region)
        except AlibabaError:
            seen = _Seen({}, (wanted.region,))
        return _nowhere(wanted, wanted.region, seen, others, command)

    async def _first(self, region: str) -> _Seen:
        try:
            async with asyncio.timeout(self._seconds):
                return _Seen({region: await self._cloud.connections(region)})
        except TimeoutError:
            raise UserError(
                f"Alibaba Cloud does not answer in time, so nothing could be looked up in {region}."
                " Nothing was recorded.",
                "Try again in a moment, or give the connection's id.",
            ) from None

    async def _others(self, first: str | None) -> _Seen:
        """What the other regions have, as far as they answer in time."""
        try:
            regions = [one for one in await self._all() if one != first]
        except (AlibabaError, TimeoutError):
            return _Seen({}, ("the other regions",))
        turns = asyncio.Semaphore(AT_ONCE)

        async def read(region: str) -> tuple[Connection, ...]:
            async with turns:
                return await self._cloud.connections(region)

        tasks = {region: asyncio.create_task(read(region)) for region in regions}
        try:
            if tasks:
                await asyncio.wait(tasks.values(), timeout=self._seconds)
        finally:
            for task in tasks.values():
                task.cancel()
        return _Seen(*_sorted(tasks))

    async def _all(self) -> tuple[str, ...]:
        if self._configured:
            return self._configured
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            async with asyncio.timeout(self._seconds):
                self._listed = await self._regions()
            self._until = now + REGIONS_SECONDS
        return self._listed


def _sorted(
    tasks: Mapping[str, asyncio.Task[tuple[Connection, ...]]],
) -> tuple[dict[str, tuple[Connection, ...]], tuple[str, ...]]:
    """What was read in each region, and the regions of which nothing was."""
    found: dict[str, tuple[Connection, ...]] = {}
    for region, task in tasks.items():
        if not task.done():
            log.info("region_not_read", region=region, error="time-out")
        elif error := task.exception():
            if not isinstance(error, AlibabaError):
                raise error
            log.info("region_not_read", region=region, error=error.code)
        else:
            found[region] = task.result()
    return found, tuple(region for region in tasks if region not in found)


def command_of(draft: Draft) -> Command:
    """The draft's command for another connection."""
    return lambda connection: render(at(draft, connection))


def at(draft: Draft, connection: Connection) -> Draft:
    """The draft for this connection."""
    return replace(
        draft,
        vpn_connection_id=connection.vpn_connection_id,
        region=connection.region,
        connection_name="",
    )


def _offers(found: Iterable[Connection], command: Command) -> tuple[Offer, ...]:
    return tuple(Offer(command(one), _label(one)) for one in found)


def _label(connection: Connection) -> str:
    words = (connection.name, f"`{connection.vpn_connection_id}`", connection.region)
    return " · ".join(filter(None, (*words, connection.state)))


def _several(wanted: Wanted, found: Sequence[Connection], command: Command) -> Unclear:
    return Unclear(
        f"{len(found)} connections in {found[0].region} are called `{wanted.word}`.",
        "Which one?",
        _offers(found, command),
    )


def _elsewhere(
    wanted: Wanted,
    first: str | None,
    found: Sequence[Connection],
    others: _Seen,
    command: Command,
) -> Unclear:
    here = f"`{wanted.word}` is not in {first}. " if first else ""
    places = _names(sorted({one.region for one in found}))
    there = f"It is in {places}:" if here else f"`{wanted.word}` is in {places}:"
    return Unclear(f"{here}{there}", _unread(others.unread), _offers(found, command))


def _nowhere(
    wanted: Wanted, first: str | None, seen: _Seen, others: _Seen, command: Command
) -> Unclear:
    tried = [*([first] if first and first not in seen.unread else []), *others.connections]
    what = "has this id" if wanted.vpn_connection_id else "is called that"
    problem = f"No connection {what}: `{wanted.word}`. Looked in {_names(tried)}."
    near = nearest(wanted.word, [*seen.all, *others.all])
    unread = _unread((*seen.unread, *others.unread))
    mend = "The nearest are these:" if near else "`/vco-route delete` opens a form to search in."
    return Unclear(problem, f"{unread} {mend}".strip(), _offers(near, command))


def _unread(regions: Sequence[str]) -> str:
    return f"Could not be read: {_names(regions)}." if regions else ""


def _names(regions: Sequence[str]) -> str:
    more = len(regions) - _MOST_NAMED
    if more > 1:
        return f"{', '.join(regions[:_MOST_NAMED])} and {more} other regions"
    return ", ".join(regions) or "no region"
