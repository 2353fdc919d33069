"""The cloud as the sandbox's page shows it: plain JSON, without any secret."""

from itertools import islice

from bot.models import RouteKind
from bot.sandbox.vpc.calls import Call
from bot.sandbox.vpc.memory import JsonObject
from bot.sandbox.vpc.service import Service
from bot.sandbox.vpc.world import Change, ConnectionRecord, RouteRecord, Task

_LATEST_CALLS = 30


def cloud(service: Service) -> JsonObject:
    """Connections with routes and tasks, the latest calls first, and the switches."""
    now = service.clock()
    connections = service.settled().connections.values()
    return {
        "connections": [_connection(c, now) for c in connections],
        "calls": [_call(c) for c in islice(reversed(service.calls), _LATEST_CALLS)],
        "faults": [
            {"name": name, "label": named.label, "active": service.faults.active(name, now)}
            for name, named in service.faults.named.items()
        ],
    }


def _connection(connection: ConnectionRecord, now: float) -> JsonObject:
    task = connection.task
    rows = [_route(record, task) for record in connection.routes]
    if task and task.change is Change.CREATE:
        rows.append(_route(task.record, task))
    return {
        "id": connection.vpn_connection_id,
        "region": connection.region,
        "name": connection.name,
        "state": connection.state_at(now),
        "attach_type": connection.attach_type,
        "note": connection.note,
        "tunnels": [{"id": t.id, "up": t.up, "bgp_up": t.bgp_up} for t in connection.tunnels],
        "routes": rows,
        "task": _task(task, now) if task else None,
    }


def _route(record: RouteRecord, task: Task | None) -> JsonObject:
    state = "Active" if record.kind is RouteKind.BGP else "published"
    if task and task.record == record:
        state = "deleting" if task.change is Change.DELETE else "creating"
    return {
        "dest": record.route.route_dest,
        "next_hop": record.route.next_hop,
        "weight": record.route.weight,
        "kind": record.kind.value,
        "state": state,
    }


def _task(task: Task, now: float) -> str:
    doing = "deleting" if task.change is Change.DELETE else "creating"
    route = task.record.route
    return f"{doing} {route.route_dest} (weight {route.weight}), {now - task.accepted_at:.0f} s"


def _call(call: Call) -> JsonObject:
    code = call.code or ("no answer" if call.ended else "in hand")
    if call.fault:
        code = f"{code} ({call.fault.replace('_', ' ')})"
    return {"at": call.at, "action": call.action, "summary": call.summary, "code": code}
