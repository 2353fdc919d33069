"""What the changes of requests add to the metrics and to traces."""

from collections.abc import Sequence

from bot import tracing
from bot.metrics import DECISIONS, OUTCOMES, REQUESTS, STAGE_SECONDS
from bot.models import Event, EventKind, Request, RequestState


def count(old: Request | None, new: Request, happened: Sequence[Event]) -> None:
    """Count a change that has just been recorded, and what it says of how long things take."""
    if old is None or old.state is not new.state:
        REQUESTS.labels(new.state.value).inc()
        if not new.state.open and (old is None or old.state.open):
            tracing.request(new.id, new.created_at, new.ended_at, new.state.value)
        if old is not None and new.state is RequestState.APPROVED:
            _took("approval", happened, new.created_at)
    for decision in new.decisions[len(old.decisions) if old else 0 :]:
        DECISIONS.labels(decision.verdict.value).inc()
    for event in happened:
        if event.kind is EventKind.SENT:
            _took("accepted", [event], max((d.at for d in new.decisions), default=event.at))
        elif event.kind is EventKind.ROUTE_ENDED:
            OUTCOMES.labels(event.details["state"]).inc()
            sent = [e.at for e in new.timeline if e.kind is EventKind.SENT]
            if sent:
                _took("ended", [event], sent[-1])


def _took(stage: str, events: Sequence[Event], since: float) -> None:
    if events:
        STAGE_SECONDS.labels(stage).observe(max(0.0, events[-1].at - since))
