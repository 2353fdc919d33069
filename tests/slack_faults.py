"""What Slack's Web API does wrong on demand."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.sandbox.slack.arguments import Refusal, read_arguments
from bot.sandbox.slack.web_api import WebApi

if TYPE_CHECKING:
    from bot.sandbox.slack.workspace import Json


class FaultKind(StrEnum):
    """How a call goes wrong. Only `HANG` and `LOST` let it take effect."""

    HTTP = "http"
    RATE_LIMITED = "rate_limited"
    HANG = "hang"
    LOST = "lost"
    HTML = "html"
    ERROR = "error"
    EMPTY = "empty"


class Fault(msgspec.Struct, kw_only=True):
    """One planned fault. `method` may be `*`; `times` None means until it is removed."""

    method: str
    kind: FaultKind
    times: int | None = 1
    status: int = 500
    retry_after: int = 1
    seconds: float = 10.0
    error: str = "internal_error"


class Faults:
    """The plan. Calls to a response_url count as the method `response_url`."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(  # noqa: PLR0913 - one keyword for each kind's detail
        self,
        method: str,
        kind: FaultKind | str,
        *,
        times: int | None = 1,
        status: int = 500,
        retry_after: int = 1,
        seconds: float = 10.0,
        error: str = "internal_error",
    ) -> Fault:
        """Plan a fault for the next `times` calls of a method; faults apply in their order."""
        fault = Fault(
            method=method,
            kind=FaultKind(kind),
            times=times,
            status=status,
            retry_after=retry_after,
            seconds=seconds,
            error=error,
        )
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Forget the plan."""
        self._planned.clear()

    def take(self, method: str) -> Fault | None:
        """The fault of this call, used up by it."""
        for fault in self._planned:
            if fault.method not in (method, "*"):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
            return fault
        return None


class Spoiler:
    """Stands before the Web API and the response_urls: outages, and the planned faults."""

    def __init__(self, web_api: WebApi) -> None:
        self.faults = Faults()
        self.outage = False
        self.no_tables = False
        self._web_api = web_api

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a call through, or spoil it: before it takes effect, or after."""
        name = _method(request)
        if not name:
            return await handler(request)
        if self.outage:
            await self._record(request, name, "outage", 503)
            return web.Response(status=503, text="<html>down</html>", content_type="text/html")
        if self.no_tables and '"type": "table"' in await request.text():
            refused = {"ok": False, "error": "invalid_blocks"}
            await self._record(request, name, "invalid_blocks", 200)
            return web.json_response(refused)
        fault = self.faults.take(name)
        if fault is None:
            return await handler(request)
        if fault.kind is FaultKind.HANG:
            await self._record(request, name, "hanging", 0)
            await self._hang(fault.seconds)
        if fault.kind not in (FaultKind.HANG, FaultKind.LOST):
            response = _spoilt(fault)
            await self._record(request, name, f"fault: {fault.kind}", response.status)
            return response
        answer = await handler(request)
        if fault.kind is FaultKind.LOST and request.transport is not None:
            # Cut instead of answered: the caller can't know what happened.
            request.transport.abort()
        return answer

    async def _record(self, request: web.Request, name: str, error: str, status: int) -> None:
        try:
            args: Json = (await read_arguments(request))[0].values
        except Refusal:
            args = {}
        self._web_api.record(name, args, error, status)

    async def _hang(self, seconds: float) -> None:
        """Keep the caller waiting; closing the server ends it."""
        state = self._web_api.state
        try:
            async with asyncio.timeout(seconds):
                while not state.closing:
                    await state.change()
        except TimeoutError:
            return


def _method(request: web.Request) -> str:
    """The method that is called, `response_url` for a post to one; empty for all else."""
    if request.path.startswith("/response/"):
        return "response_url"
    return request.match_info.get("method", "")


def _spoilt(fault: Fault) -> web.Response:
    if fault.kind is FaultKind.RATE_LIMITED:
        body = {"ok": False, "error": "ratelimited"}
        return web.json_response(body, status=429, headers={"Retry-After": str(fault.retry_after)})
    if fault.kind is FaultKind.ERROR:
        return web.json_response({"ok": False, "error": fault.error})
    if fault.kind is FaultKind.HTML:
        page = "<html><body>Something went wrong</body></html>"
        return web.Response(status=200, text=page, content_type="text/html")
    if fault.kind is FaultKind.EMPTY:
        return web.Response(status=200, content_type="application/json")
    return web.json_response({"ok": False, "error": fault.error}, status=fault.status)
