"""A local VPC API that behaves as the vendor's: strict, and wrong only on demand.

local       LocalVpc: what the sandbox and the tests hold in their hands
server      HTTP, waiting, faults on the wire
service     what a call does, step by step; ClientTokens, quotas, the record of every call
signatures  is the caller who it claims to be
asks        parameters → what is asked
world       connections, tunnels, routes, tasks as a function of the clock
answers     the JSON of answers, with marked decoy secrets
refusals    the vendor's error codes
faults      what goes wrong on demand
seed        the sandbox's connections
"""

from bot.sandbox.vpc.answers import BGP_KEY_MARKER, PSK_MARKER, SECRET_MARKERS
from bot.sandbox.vpc.faults import CHANGES, NAMED_FAULTS, Armed, Fault, FaultKind, Faults
from bot.sandbox.vpc.local import LocalVpc
from bot.sandbox.vpc.service import SUCCESS, Call
from bot.sandbox.vpc.world import Change, ConnectionRecord, Pace, RouteRecord, Task

__all__ = [
    "BGP_KEY_MARKER",
    "CHANGES",
    "NAMED_FAULTS",
    "PSK_MARKER",
    "SECRET_MARKERS",
    "SUCCESS",
    "Armed",
    "Call",
    "Change",
    "ConnectionRecord",
    "Fault",
    "FaultKind",
    "Faults",
    "LocalVpc",
    "Pace",
    "RouteRecord",
    "Task",
]
