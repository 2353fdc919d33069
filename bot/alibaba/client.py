"""The calls of the VPC API that the bot makes, in the words of the domain.

Every call is one POST with its parameters in the query, newly signed for each attempt. An
answer becomes a model or an error of `bot.errors`; nothing is repeated here, except once
where the signature alone was refused: waiting and repeating belong to the execution.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

import httpx
import structlog
from msgspec.structs import replace

from bot import tracing
from bot.alibaba import errors
from bot.alibaba import responses as answers
from bot.alibaba.codes import copy_came_first, same_call, to_sign_again
from bot.alibaba.endpoints import Endpoint
from bot.alibaba.errors import Call
from bot.alibaba.paging import PAGE_SIZE, Listed, Page, read_all
from bot.alibaba.signing import canonical_query
from bot.alibaba.transport import ATTEMPT_SECONDS, Reply, attempt
from bot.errors import AlibabaError, AlreadyGone, AlreadyThere, Busy, Throttled
from bot.metrics import CLOUD_CALLS, CLOUD_SECONDS
from bot.models import Connection, LiveRoute, RouteKind, RouteList, VcoRoute

log = structlog.get_logger(__name__)

API_VERSION = "2016-04-28"
HOME_REGION = "cn-hangzhou"
"""The region whose endpoint answers what belongs to no region."""

HELD_BACK = "Quota"
"""The code of a call that our own share of the vendor's quota does not allow now."""

Item = TypeVar("Item")
Params = Mapping[str, str | int | None]


class Quotas(Protocol):
    """Keeps calls inside the vendor's quotas."""

    async def take(self, call: Call) -> None:
        """Wait until `call` may be made; raises `Throttled` where that takes too long."""
        ...

    async def throttled(self, call: Call, retry_after: float | None) -> None:
        """Hear that the vendor refused this call, for so many seconds where it said so."""
        ...


class _NoQuotas:
    """For whoever makes a handful of calls by hand."""

    async def take(self, call: Call) -> None:
        """Nobody waits."""

    async def throttled(self, call: Call, retry_after: float | None) -> None:
        """Nobody remembers it."""


NO_QUOTAS = _NoQuotas()


class VpcClient:
    """The VPC API, version 2016-04-28.

    All methods raise `AlibabaError`s: `NotSent`, `OutcomeUnknown`, `Busy`, `Throttled`,
    `Rejected` and its children; for reads `OutcomeUnknown` says that there is no reliable
    answer.

    Args:
        http: see `bot.alibaba.transport.new_http_client`; the caller closes it.
        endpoint: from a region to a base URL, see `bot.alibaba.endpoints`.
        auth: see `bot.alibaba.auth.Acs3Auth`.
        attempt_seconds: the most that one HTTP attempt may take.
        now: our clock, in seconds since the epoch, to be compared with the service's.
        quotas: asked before every single call, each page of a list among them.
    """

    def __init__(  # noqa: PLR0913 - three parts, and knobs by name with a default
        self,
        http: httpx.AsyncClient,
        endpoint: Endpoint,
        auth: httpx.Auth,
        *,
        attempt_seconds: float = ATTEMPT_SECONDS,
        now: Callable[[], float] = time.time,
        quotas: Quotas = NO_QUOTAS,
    ) -> None:
        self._http = http
        self._endpoint = endpoint
        self._auth = auth
        self._attempt_seconds = attempt_seconds
        self._now = now
        self._quotas = quotas
        self.clock_ahead: float | None = None
        """By how many seconds our clock was ahead at the last answer; None: not told."""

    async def delete_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None = None
    ) -> str:
        """Start the deletion of a route; answers Alibaba Cloud's request id.

        Raises:
            AlreadyGone: there is no such route.
        """
        return await self._change("DeleteVcoRouteEntry", region, route, client_token, overlay_mode)

    async def create_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None = None
    ) -> str:
        """Start the creation of a route; answers Alibaba Cloud's request id.

        Its Description is not sent: DescribeVcoRouteEntries never shows one (sdk), so that of a
        route that is put back is not known.

        Raises:
            AlreadyThere: there is such a route.
        """
        return await self._change("CreateVcoRouteEntry", region, route, client_token, overlay_mode)

    async def _change(
        self,
        action: str,
        region: str,
        route: VcoRoute,
        client_token: str,
        overlay_mode: str | None,
    ) -> str:
        call = Call(action=action, region=region, vpn_connection_id=route.vpn_connection_id)
        params: Params = {
            "RegionId": region,
            "VpnConnectionId": route.vpn_connection_id,
            "RouteDest": route.route_dest,
            "NextHop": route.next_hop,
            "Weight": route.weight,
            "OverlayMode": overlay_mode,
            "ClientToken": client_token,
        }
        done = await self._call(call, params, answers.Done)
        return errors.clean_request_id(done.request_id)

    async def connection(self, region: str, vpn_connection_id: str) -> Connection:
        """The connection as it is now."""
        call = Call(
            action="DescribeVpnConnection", region=region, vpn_connection_id=vpn_connection_id
        )
        params = {"RegionId": region, "VpnConnectionId": vpn_connection_id}
        found = answers.connection(await self._call(call, params, answers.WireConnection), call)
        if found.vpn_connection_id != vpn_connection_id:
            raise answers.unusable(call, "VpnConnectionId is that of another connection")
        return found

    async def connections(self, region: str) -> tuple[Connection, ...]:
        """All IPsec-VPN connections of a region."""
        call = Call(action="DescribeVpnConnections", region=region)

        async def fetch(number: int) -> Page[Connection]:
            params: Params = {"RegionId": region, "PageNumber": number, "PageSize": PAGE_SIZE}
            page = await self._call(call, params, answers.ConnectionPage)
            return answers.connections(page, call)

        return (await read_all(fetch, call)).rows

    async def routes(self, region: str, vpn_connection_id: str, *, bgp: bool = True) -> RouteList:
        """All routes of a connection, custom ones first, with canonical CIDR blocks.

        Those learned over BGP are a listing of its own: whether it works where a connection has
        no BGP is not known, and nothing is proven by it. So where it fails, that is said and
        nothing else is lost. Without `bgp` it is not asked for; with it, at the same time.
        """
        learning = asyncio.create_task(self._learned(region, vpn_connection_id)) if bgp else None
        try:
            custom = await self._routes(region, vpn_connection_id, RouteKind.CUSTOM)
            learned = await learning if learning else None
        finally:
            if learning:
                learning.cancel()
        known = RouteList(routes=custom.rows, bgp_known=False, paged=custom.pages > 1)
        if learned is None:
            return known
        every = tuple(dict.fromkeys(custom.rows + learned.rows))
        return replace(known, routes=every, bgp_known=True)

    async def regions(self) -> tuple[str, ...]:
        """The ids of all regions; the cheapest call that shows that the credentials work."""
        call = Call(action="DescribeRegions", region=HOME_REGION)
        found = await self._call(call, {}, answers.Regions)
        return tuple(region.region_id for region in found.regions.region)

    async def _learned(self, region: str, vpn_connection_id: str) -> Listed[LiveRoute] | None:
        """The routes learned over BGP; None where they can't be listed."""
        try:
            return await self._routes(region, vpn_connection_id, RouteKind.BGP)
        except AlibabaError as error:
            log.warning("bgp_routes_unreadable", connection=vpn_connection_id, code=error.code)
            return None

    async def _routes(
        self, region: str, vpn_connection_id: str, kind: RouteKind
    ) -> Listed[LiveRoute]:
        call = Call(
            action="DescribeVcoRouteEntries", region=region, vpn_connection_id=vpn_connection_id
        )

        async def fetch(number: int) -> Page[LiveRoute]:
            params: Params = {
                "RegionId": region,
                "VpnConnectionId": vpn_connection_id,
                "RouteEntryType": kind.value,
                "PageNumber": number,
                "PageSize": PAGE_SIZE,
            }
            page = await self._call(call, params, answers.RoutePage)
            return answers.routes(page, kind, call)

        return await read_all(fetch, call)

    async def _call(self, call: Call, params: Params, type_: type[Item]) -> Item:
        """One call; where only its signature was refused, once more, newly signed."""
        try:
            found = await self._answered(call, params, type_)
        except AlibabaError as error:
            # What we held back ourselves has not been called.
            result = "held_back" if error.code == HELD_BACK else type(error).__name__
            CLOUD_CALLS.labels(call.action, result).inc()
            raise
        CLOUD_CALLS.labels(call.action, "ok").inc()
        return found

    async def _answered(self, call: Call, params: Params, type_: type[Item]) -> Item:
        reply, answer = await self._send(call, params)
        repeated, copied = to_sign_again(answer.code), copy_came_first(answer.code)
        if repeated:
            log.warning("vpc_call_signed_again", code=answer.code, clock_ahead=answer.clock_ahead)
            reply, answer = await self._send(call, params)
        if not errors.is_error(answer):
            return answers.decode(reply.body, type_, call)
        error = errors.classify(answer, call)
        if isinstance(error, Throttled):
            await self._quotas.throttled(call, error.retry_after)
        if repeated and isinstance(error, AlreadyGone | AlreadyThere):
            raise _perhaps_by_us(error, call)
        if isinstance(error, Busy):
            # Perhaps with a copy that arrived before, or with the first sending of this call.
            error.perhaps_done = call.changes and (copied or same_call(answer.code))
        raise error

    async def _send(self, call: Call, params: Params) -> tuple[Reply, errors.Answer]:
        request = self._http.build_request(
            "POST",
            f"{self._endpoint(call.region)}/?{canonical_query(params)}",
            headers={
                "Accept": "application/json",
                "x-acs-action": call.action,
                "x-acs-version": API_VERSION,
            },
        )
        await self._quotas.take(call)
        start = time.monotonic()
        try:
            with CLOUD_SECONDS.labels(call.action).time(), _span(call):
                reply = await attempt(
                    self._http, request, self._auth, call, seconds=self._attempt_seconds
                )
        except AlibabaError as error:
            _log(call, status=0, code=error.code, start=start)
            raise
        self.clock_ahead = _clock_ahead(reply.headers.get("date", ""), self._now())
        answer = _answer(reply, self.clock_ahead)
        _log(call, status=reply.status, code=answer.code, start=start)
        return reply, answer


def _span(call: Call) -> AbstractContextManager[object]:
    return tracing.span(
        f"alibaba {call.action}",
        http_request_method="POST",
        rpc_method=call.action,
        cloud_region=call.region,
    )


def _answer(reply: Reply, clock_ahead: float | None) -> errors.Answer:
    envelope = answers.envelope(reply.body) or answers.Envelope()
    return errors.answer(
        reply.status,
        code=envelope.code,
        request_id=envelope.request_id,
        retry_after_ms=reply.headers.get("x-acs-retry-after", ""),
        clock_ahead=clock_ahead,
    )


def _perhaps_by_us(error: AlibabaError, call: Call) -> AlibabaError:
    """What is done already after a copy of the request arrived: the copy may have done it."""
    what = "A copy of this request arrived before it, and there is nothing left to do."
    return errors.no_reliable_answer(error.code, call, what, error.alibaba_request_id)


def _clock_ahead(date: str, now: float) -> float | None:
    """By how many seconds our clock is ahead of a Date header, None where it has no date."""
    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _log(call: Call, *, status: int, code: str, start: float) -> None:
    seconds = round(time.monotonic() - start, 3)
    log.debug("vpc_call", action=call.action, status=status, code=code, seconds=seconds)
