"""What is counted, for Prometheus. Labels are closed sets: never ids, never user text."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

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
