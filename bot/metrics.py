"""What is counted, for Prometheus. Labels are closed sets: never ids, never user text.

What every replica would say alike, as how much work is due, is a gauge that `service.statistics`
reads from Redis now and then: take the maximum over replicas, not the sum.
"""

import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
)

from bot.version import VERSION

CLOUD_ACTIONS = (
    "CreateVcoRouteEntry",
    "DeleteVcoRouteEntry",
    "DescribeRegions",
    "DescribeVcoRouteEntries",
    "DescribeVpnConnection",
    "DescribeVpnConnections",
)
"""The calls of Alibaba Cloud that this bot makes."""

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

BUILD_INFO = Gauge(
    "vco_route_build_info",
    "1; the labels say what runs",
    ("version", "python"),
    registry=REGISTRY,
)
BUILD_INFO.labels(VERSION, platform.python_version()).set(1)
REQUESTS = Counter(
    "vco_route_requests_total",
    "Requests that came to a state",
    ("state",),
    registry=REGISTRY,
)
DECISIONS = Counter(
    "vco_route_decisions_total",
    "Decisions that were recorded, by verdict",
    ("verdict",),
    registry=REGISTRY,
)
REFUSALS = Counter(
    "vco_route_refusals_total",
    "Commands and clicks that were refused, by what was wanted and why",
    ("wanted", "reason"),
    registry=REGISTRY,
)
STAGE_SECONDS = Histogram(
    "vco_route_stage_seconds",
    "How long the parts of a request took: card, approval, accepted, ended, told",
    ("stage",),
    registry=REGISTRY,
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)
CLOUD_CALLS = Counter(
    "vco_route_cloud_calls_total",
    "Calls of Alibaba Cloud, by action and result: ok, held_back, or the class of the error",
    ("action", "result"),
    registry=REGISTRY,
)
CLOUD_SECONDS = Histogram(
    "vco_route_cloud_call_seconds",
    "How long calls of Alibaba Cloud took",
    ("action",),
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
)
CLOUD_QUOTA_LEFT = Gauge(
    "vco_route_cloud_quota_left_ratio",
    "What is left of our share of a quota in the default region, 0 to 1, over all replicas",
    ("action",),
    registry=REGISTRY,
)
SLACK_CALLS = Counter(
    "vco_route_slack_calls_total",
    "Calls of Slack's Web API, by method and result: ok, or the class of the error",
    ("method", "result"),
    registry=REGISTRY,
)
DUE = Gauge(
    "vco_route_due",
    "Items that are due and that nobody works on, by kind, over all replicas",
    ("kind",),
    registry=REGISTRY,
)
DUE_OLDEST = Gauge(
    "vco_route_due_oldest_seconds",
    "For how long the oldest due item of a kind has waited",
    ("kind",),
    registry=REGISTRY,
)
OPEN_REQUESTS = Gauge(
    "vco_route_open_requests",
    "Requests that are open, over all replicas",
    registry=REGISTRY,
)
UNCONFIRMED_OLDEST = Gauge(
    "vco_route_unconfirmed_oldest_seconds",
    "Age of the oldest request that ended unconfirmed and is still reconciled; 0: there is none",
    registry=REGISTRY,
)
UNCOUNTERSIGNED_OLDEST = Gauge(
    "vco_route_uncountersigned_oldest_seconds",
    "Age of the oldest break-glass that nobody has countersigned; 0: there is none",
    registry=REGISTRY,
)
CLAIMS_LOST = Counter(
    "vco_route_claims_lost_total",
    "Steps that another worker took over, because their lease had ended",
    ("kind",),
    registry=REGISTRY,
)
LOOP_LAG = Gauge(
    "vco_route_loop_lag_seconds",
    "By how much the event loop was late at the last look",
    registry=REGISTRY,
)

STEPS = Counter(
    "vco_route_steps_total",
    "Steps of the worker, by kind of work and how they ended",
    ("kind", "result"),
    registry=REGISTRY,
)
STEP_SECONDS = Histogram(
    "vco_route_step_seconds",
    "How long steps take",
    ("kind",),
    registry=REGISTRY,
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30),
)
DELIVERIES = Counter(
    "vco_route_deliveries_total",
    "What Slack delivered, by whether it could be stored",
    ("stored",),
    registry=REGISTRY,
)
SEALS_BROKEN = Counter(
    "vco_route_seals_broken_total",
    "What was found in Redis without our seal, and was not acted on: requests and deliveries",
    ("kind",),
    registry=REGISTRY,
)
OUTCOMES = Counter(
    "vco_route_outcomes_total",
    "Routes whose deletion ended, by how",
    ("state",),
    registry=REGISTRY,
)
SOCKETS_OPEN = Gauge(
    "vco_route_sockets_open",
    "Websockets to Slack that are open (Socket Mode)",
    registry=REGISTRY,
)
SOCKET_SILENCE = Gauge(
    "vco_route_socket_silence_seconds",
    "Seconds since anything came over any websocket, a ping for example (Socket Mode)",
    registry=REGISTRY,
)
SOCKETS_ENDED = Counter(
    "vco_route_sockets_ended_total",
    "Websockets that had to be replaced, by why",
    ("reason",),
    registry=REGISTRY,
)
UNVERIFIED = Counter(
    "vco_route_unverified_total",
    "Requests to Slack's endpoint that were not shown to be Slack's, by why",
    ("why",),
    registry=REGISTRY,
)
CONNECTIONS_CLOSED = Counter(
    "vco_route_connections_closed_total",
    "Connections that had proven nothing and were closed, by why",
    ("why",),
    registry=REGISTRY,
)
SLACK_LIMITED = Counter(
    "vco_route_slack_limited_total",
    "Calls that Slack answered with 429, by method",
    ("method",),
    registry=REGISTRY,
)
SLACK_HELD_BACK = Counter(
    "vco_route_slack_held_back_total",
    "Calls that were put off so as not to exceed Slack's rate limits, by method",
    ("method",),
    registry=REGISTRY,
)
ALARMS = Counter(
    "vco_route_alarms_total",
    "What the database has lost under us: what was due, a record, or what it knew before",
    ("what",),
    registry=REGISTRY,
)

# Of what is counted once in a while the first time is the alarm: a series that begins at 1 has not
# increased, so these are there at 0.
for _what in ("due_lost", "fence_broken", "outcome_forgotten", "record_lost", "went_back"):
    ALARMS.labels(_what)
for _kind in ("delivery", "request"):
    SEALS_BROKEN.labels(_kind)
for _action in CLOUD_ACTIONS:
    for _result in ("CredentialsRejected", "PermissionDenied", "Throttled"):
        CLOUD_CALLS.labels(_action, _result)
