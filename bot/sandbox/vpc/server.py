"""The service over HTTP, on loopback: waiting, and everything that goes wrong on the wire."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final
from uuid import uuid4

import msgspec
from aiohttp import web

from bot.sandbox.vpc.asks import Ask
from bot.sandbox.vpc.faults import AFTER, INSTEAD, Armed, Fault, FaultKind
from bot.sandbox.vpc.refusals import Refusal
from bot.sandbox.vpc.service import SUCCESS, Call, JsonObject, Service
from bot.sandbox.vpc.signatures import Wire

_BAD_GATEWAY: Final = (
    "<html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


def refusal_of(fault: Fault) -> Refusal:
    """What a fault that is an error answer says."""
    if fault.kind is FaultKind.THROTTLED:
        code, retry_after_ms = fault.code or "Throttling.User", fault.retry_after_ms
    elif fault.kind is FaultKind.FAILED_AFTER:
        code, retry_after_ms = fault.code or "ServiceUnavailable", fault.retry_after_ms
    elif fault.kind is FaultKind.BUSY:
        code, retry_after_ms = fault.code or "TaskConflict", None
    else:
        code, retry_after_ms = fault.code or "InternalError", None
    return Refusal(code, fault.message, status=fault.status, retry_after_ms=retry_after_ms)


def refused(refusal: Refusal, call: Call, host: str) -> web.Response:
    """An error answer in the vendor's shape."""
    body: JsonObject = {
        "Code": refusal.code,
        "Message": refusal.message,
        "RequestId": call.alibaba_request_id,
        "HostId": host,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={refusal.code}&product=Vpc",
    }
    if refusal.code.startswith(("Forbidden", "Forbbiden")):
        body["AccessDeniedDetail"] = {"AuthAction": f"vpc:{call.action}", "PolicyType": ""}
    response = json_reply(body, status=refusal.status)
    if refusal.retry_after_ms is not None:
        response.headers["x-acs-retry-after"] = str(refusal.retry_after_ms)
    return response


def json_reply(body: JsonObject, *, status: int = 200, cut: bool = False) -> web.Response:
    """A JSON answer; `cut` leaves out its second half."""
    encoded = msgspec.json.encode(body)
    if cut:
        encoded = encoded[: len(encoded) // 2]
    headers = {"Content-Type": "application/json;charset=utf-8"}
    if "RequestId" in body:
        headers["x-acs-request-id"] = str(body["RequestId"])
    return web.Response(body=encoded, status=status, headers=headers)


def bad_gateway() -> web.Response:
    """What a gateway answers when it gets nothing from the service."""
    return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")


def spoiled(fault: Fault, body: JsonObject) -> web.Response:
    """The answer of a call that was carried out, as a fault leaves it."""
    match fault.kind:
        case FaultKind.HTML_AFTER:
            return bad_gateway()
        case FaultKind.EMPTY:
            return web.Response()
        case FaultKind.TRUNCATED:
            return json_reply(body, cut=True)
        case FaultKind.WRONG_TOTAL | FaultKind.PAGE_TOTAL:
            return json_reply(_recounted(fault, body))
        case FaultKind.MISSING_FIELDS:
            return json_reply(_without(body, fault.fields) if fault.fields else {})
        case _:
            return json_reply(body)


def _recounted(fault: Fault, body: JsonObject) -> JsonObject:
    total, rows = body.get("TotalCount"), body.get("VcoRouteEntries")
    if fault.kind is FaultKind.WRONG_TOTAL and isinstance(total, int):
        return {**body, "TotalCount": max(0, total + fault.off_by)}
    if fault.kind is FaultKind.PAGE_TOTAL and isinstance(rows, list):
        return {**body, "TotalCount": len(rows)}
    return body


def _without(value: object, fields: tuple[str, ...]) -> JsonObject:
    """The object without some of its fields, at any depth."""
    trimmed = _trim(value, fields)
    return trimmed if isinstance(trimmed, dict) else {}


def _trim(value: object, fields: tuple[str, ...]) -> object:
    if isinstance(value, dict):
        return {k: _trim(v, fields) for k, v in value.items() if k not in fields}
    if isinstance(value, list):
        return [_trim(item, fields) for item in value]
    return value


def drop(request: web.Request, *, reset: bool) -> None:
    """Closes the caller's socket; nothing that is answered afterwards reaches it."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        # A linger time of zero makes the kernel send RST in place of FIN.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


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

    def __init__(self, service: Service, notify: Callable[[Call], None]) -> None:
        """`notify` hears of each ended call."""
        self._service = service
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
            return refused(refusal, call, request.host)
        except Dropped as dropped:
            drop(request, reset=dropped.reset)
            return web.Response()
        finally:
            call.ended = True
            self._notify(call)

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        wire = await _wire(request)
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
        response = await self._go_wrong_after(after, request, body) if after else json_reply(body)
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
                return bad_gateway()
            case FaultKind.REDIRECT:
                return web.Response(status=302, headers={"Location": f"{self.url}/elsewhere"})
            case _:
                raise refusal_of(fault)

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
                return json_reply(body)
            case FaultKind.FAILED_AFTER:
                raise refusal_of(fault)
            case _:
                return spoiled(fault, body)

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
