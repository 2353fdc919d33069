"""Plans that aim at one safety mechanism each: with it switched off, they find a violation.

Each is named for the break of `chaos.breaks` that it finds. With everything in place it is an
ordinary round, and nothing is violated.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from chaos.plan import Act, Ask, Click, Fault, Kind, Plan

_ASK = Ask(
    at=0.0,
    who=ALICE,
    label="case-00",
    connection=0,
    routes=(0,),
    acts=(Act(after=0.3, who=BOB, click=Click.APPROVE),),
)
_CALM = Plan(
    seed="",
    number=0,
    replicas=1,
    lease=1,
    connections=(3,),
    task_delay=0.2,
    task_seconds=0.5,
    listing_lag=0.0,
    asks=(_ASK,),
    faults=(),
    quiet_at=1.0,
)
DIRECTED = "directed-"
"""What the seeds of these plans begin with; their names follow."""

_DELETE = "DeleteVcoRouteEntry"

_PLANS: Mapping[str, Plan] = {
    # What was told is written so late that others have told more meanwhile.
    "fence": replace(
        _CALM,
        task_seconds=3.0,
        faults=(Fault(at=0.0, kind=Kind.WRITE_HELD, seconds=2.0, skip=2, detail="card_ts"),),
        quiet_at=3.0,
    ),
    # The answer is lost and the task does not show yet: it is sent again.
    "token": replace(
        _CALM,
        task_delay=2.0,
        faults=(Fault(at=0.0, kind=Kind.LOST_AFTER, detail=_DELETE),),
        quiet_at=2.0,
    ),
    # The connection is `attached` for long before the task shows.
    "proof": replace(_CALM, task_delay=3.0),
    # Approved and cancelled at once, while each sees the other's record late.
    "decision": replace(
        _CALM,
        replicas=2,
        lease=5,
        asks=(
            replace(
                _ASK,
                acts=(
                    Act(after=1.0, who=BOB, click=Click.APPROVE),
                    Act(after=1.0, who=ALICE, click=Click.CANCEL),
                    Act(after=1.0, who=CAROL, click=Click.APPROVE),
                ),
            ),
        ),
        faults=(Fault(at=0.5, kind=Kind.REDIS_SLOW, seconds=4.0),),
        quiet_at=5.0,
    ),
    # Approved while no replica hears it; then the master is lost.
    "replicas": replace(
        _CALM,
        asks=(replace(_ASK, acts=(Act(after=2.0, who=BOB, click=Click.APPROVE),)),),
        faults=(Fault(at=1.5, kind=Kind.FAILOVER, seconds=6.0),),
        quiet_at=8.0,
        replica=True,
    ),
}

PLANS = {name: replace(plan, seed=DIRECTED + name) for name, plan in _PLANS.items()}
