"""What goes back to the caller: answers, refusals, and both of them spoiled."""

import socket
import struct
from typing import Final

import msgspec
from aiohttp import web

from bot.sandbox.vpc.calls import Call
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.memory import JsonObject
from bot.sandbox.vpc.refusals import Refusal

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
        case FaultKind.WRONG_TOTAL if isinstance(total := body.get("TotalCount"), int):
            return json_reply({**body, "TotalCount": max(0, total + fault.off_by)})
        case FaultKind.MISSING_FIELDS:
            return json_reply(_without(body, fault.fields) if fault.fields else {})
        case _:
            return json_reply(body)


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
