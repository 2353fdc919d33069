"""The service over HTTP, on loopback: waiting, and everything that goes wrong on the wire."""

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from aiohttp import web

from bot.sandbox.vpc import replies
from bot.sandbox.vpc.asks import Ask
from bot.sandbox.vpc.calls import SUCCESS, Call
from bot.sandbox.vpc.faults import AFTER, INSTEAD, Armed, FaultKind
from bot.sandbox.vpc.memory import JsonObject
from bot.sandbox.vpc.refusals import Refusal
from bot.sandbox.vpc.service import Service
from bot.sandbox.vpc.signatures import Wire

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_TICK_SECONDS: Final = 0.02


class Dropped(Exception):
    """The socket is to be closed without an answer; with `reset`, by a TCP RST."""

    def __init__(self, *, reset: bool = False) -> None:
        """Without `reset` the socket is closed by a FIN."""
        super().__init__()
        self.reset = reset


class Server:
    """Listens on loopback and turns requests into calls of the service."""

    def __init__(self, service: Service, latency: float, notify: Callable[[Call], None]) -> None:
        """`latency` in seconds is spent on every call; `notify` hears of each ended call."""
        self._service = service
        self._latency = latency
        self._notify = notify
        self._runner: web.AppRunner | None = None
        self._closing = False
        self.url = ""

    async def start(self, host: str, port: int) -> None:
        """Listens; port 0 takes a free one. ValueError for anything but loopback."""
        if host not in _LOOPBACK:
            raise ValueError("the local VPC API listens on loopback only")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound_host, bound_port = self._runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        self.url = f"http://{shown}:{bound_port}"

    async def close(self) -> None:
        """Drops the calls in hand and stops listening."""
        self._closing = True
        if self._runner:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = Call(
            at=self._service.clock(),
            alibaba_request_id=str(uuid4()).upper(),
            method=request.method,
            action=request.headers.get("x-acs-action", ""),
        )
        self._service.calls.append(call)
        try:
            return await self._answer(request, call)
        except Refusal as refusal:
            call.code = refusal.code
            return replies.refused(refusal, call, request.host)
        except Dropped as dropped:
            replies.drop(request, reset=dropped.reset)
            return web.Response()
        finally:
            call.ended = True
            self._notify(call)

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        wire = await _wire(request)
        if self._latency:
            await asyncio.sleep(self._latency)
        if request.path != "/":
            raise Refusal("InvalidAction.NotFound")
        ask = self._service.admit(wire, call)
        earlier = self._service.begin(ask, call)
        if earlier is not None:
            return await self._carry_out(request, call, lambda: earlier)
        done: list[JsonObject] = []
        refused: Refusal | None = None
        try:
            return await self._carry_out(request, call, lambda: self._perform(ask, call, done))
        except Refusal as refusal:
            refused = refusal
            raise
        finally:
            self._service.end(ask, call, done[0] if done else None)
            if refused and not done:
                self._service.keep_refusal(ask, call, refused)

    def _perform(self, ask: Ask, call: Call, done: list[JsonObject]) -> JsonObject:
        done.append(self._service.perform(ask, call))
        self._notify(call)
        return done[0]

    async def _carry_out(
        self, request: web.Request, call: Call, perform: Callable[[], JsonObject]
    ) -> web.StreamResponse:
        """Performs the call between the faults that come before it and after it."""
        before = self._service.strike(INSTEAD, call)
        if before:
            instead = await self._go_wrong_before(before, request)
            if instead:
                return instead
        body = perform()
        after = self._service.strike(AFTER, call)
        response = (
            await self._go_wrong_after(after, request, body) if after else replies.json_reply(body)
        )
        call.code = SUCCESS
        return response

    async def _go_wrong_before(
        self, armed: Armed, request: web.Request
    ) -> web.StreamResponse | None:
        fault = armed.fault
        match fault.kind:
            case FaultKind.SLOW_BEFORE:
                await self._pause(armed)
                return None
            case FaultKind.HANG:
                await self._pause(armed, request)
                raise Dropped
            case FaultKind.LOST_BEFORE | FaultKind.RESET:
                raise Dropped(reset=fault.kind is FaultKind.RESET)
            case FaultKind.HTML_BEFORE:
                return replies.bad_gateway()
            case FaultKind.REDIRECT:
                return web.Response(status=302, headers={"Location": f"{self.url}/elsewhere"})
            case _:
                raise replies.refusal_of(fault)

    async def _go_wrong_after(
        self, armed: Armed, request: web.Request, body: JsonObject
    ) -> web.StreamResponse:
        fault = armed.fault
        match fault.kind:
            case FaultKind.LOST_AFTER:
                raise Dropped
            case FaultKind.HANG_AFTER:
                await self._pause(armed, request)
                raise Dropped
            case FaultKind.SLOW_AFTER:
                await self._pause(armed, request)
                return replies.json_reply(body)
            case FaultKind.FAILED_AFTER:
                raise replies.refusal_of(fault)
            case _:
                return replies.spoiled(fault, body)

    async def _pause(self, armed: Armed, caller: web.Request | None = None) -> None:
        """Waits out the fault's seconds, or until it is removed, or until the caller has gone.

        Raises Dropped when the server closes meanwhile.
        """
        loop = asyncio.get_running_loop()
        seconds = armed.fault.seconds
        until = float("inf") if seconds is None else loop.time() + seconds
        while loop.time() < until and not armed.removed:
            if self._closing or (caller is not None and caller.transport is None):
                raise Dropped
            await asyncio.sleep(min(_TICK_SECONDS, max(0.0, until - loop.time())))


async def _wire(request: web.Request) -> Wire:
    """The request as it was sent, before any decoding, for its signature."""
    _, _, query = request.raw_path.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Wire(method=request.method, query=query, headers=headers, body=await request.read())
