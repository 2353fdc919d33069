"""What this version stores, one example of each form, to be read by every later one.

`python -m golden_forms v1` (with `PYTHONPATH=.:tests`) writes a new folder of them; see
`golden/stored/README.md`.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from builders import (
    ABSENT,
    ALICE,
    BOB,
    CAROL,
    PRESENT,
    a_request,
    a_route,
    a_snapshot,
    accepted,
    approved,
    decided,
    in_state,
    live,
    sent,
)
from msgspec.structs import replace

from bot import lifecycle
from bot.lifecycle import route_change
from bot.models import (
    Connection,
    Event,
    EventKind,
    Impact,
    Observation,
    People,
    Request,
    RequestState,
    RouteKind,
    Terms,
    Tunnel,
    Verdict,
    WaitCause,
)
from bot.slack.app_home import HomeOpened
from bot.slack.check_now import CheckClicked
from bot.slack.commands import CommandGiven
from bot.slack.countersign import CountersignSubmitted
from bot.slack.decisions import DecisionClicked, RejectionSubmitted
from bot.slack.ended import AskAgainClicked, RestoreClicked, RestoreSubmitted
from bot.slack.forms.break_glass import GlassConfirmed
from bot.slack.forms.fields import DeleteFormSubmitted
from bot.slack.routes import ROUTER
from bot.slack.stop import StopClicked
from bot.slack.unknown import UnknownPayload
from bot.store.cards import CardState
from bot.store.direct import DirectMessage, DirectState

STORED = Path(__file__).with_name("golden") / "stored"

READERS: Mapping[str, Callable[[str], Any]] = {
    "request": lambda text: msgspec.json.decode(text, type=Request),
    "told": lambda text: msgspec.json.decode(text, type=CardState),
    "direct": lambda text: msgspec.json.decode(text, type=DirectState),
    "inbox": ROUTER.decode,
    "audit": lambda text: msgspec.json.decode(text, type=Event),
}
"""How each form is read: the part of its name before the first dash."""


def forms() -> dict[str, str]:
    """Every form by its name, as it is stored."""
    values: dict[str, object] = {}
    for state in RequestState:
        values[f"request-{state}"] = in_state(state, a_route(), a_route("10.0.1.0/24"))
    values |= _special_requests()
    values["told-nothing"] = CardState()
    values["told-all"] = CardState(
        channel="C0NETOPS",
        card_ts="1700000000.000100",
        link="https://example.slack.com/archives/C0NETOPS/p1700000000000100",
        shown="5f2d",
        said=7,
        posting="line 7",
        doubt="00ff",
    )
    values["told-lost"] = CardState(channel="C0NETOPS", lost="channel_not_found")
    values["direct-nothing"] = DirectState()
    values["direct-all"] = _direct()
    values |= _deliveries()
    for kind in EventKind:
        details = {"reason": "leaking prod prefix", "code": "Throttling"}
        values[f"audit-{kind}"] = Event(
            kind=kind, at=1100.5, by=BOB, route=a_route(), details=details
        )
    values["audit-bare"] = Event(kind=EventKind.ENDED, at=1100.5)
    return {name: msgspec.json.encode(value).decode() for name, value in values.items()}


def _direct() -> DirectState:
    said = DirectMessage(user=BOB, channel="D0BOB", ts="1700000000.000200", shown="5f2d")
    open_yet = DirectMessage(user=CAROL, channel="D0CAROL", posting=True, failures=2)
    lost = DirectMessage(user="U0DORA", lost="user_disabled")
    return DirectState(chosen=True, others=True, messages=(said, open_yet, lost), doubt="00ff")


def _special_requests() -> dict[str, object]:
    route = a_route()
    tunnel = Tunnel(id="tun-1", status="ok", up=True, bgp_status="Established", bgp_up=True)
    connection = Connection(
        vpn_connection_id=route.vpn_connection_id,
        region="cn-hangzhou",
        state="attached",
        name="office-shanghai",
        attach_type="CEN",
        tunnels=(tunnel, Tunnel(id="tun-2", status="ike_sa_not_established", up=False)),
    )
    impact = Impact(
        route=route,
        carries=(route.route_dest,),
        takers=(live(a_route("10.0.0.0/16"), kind=RouteKind.BGP, description="from the peer"),),
        inside=(live(a_route("10.0.0.128/25")),),
        not_restorable="it is not a custom route",
    )
    seen = a_snapshot(route, connection=connection, impacts=(impact,), last_routes=True)
    terms = Terms(
        rule="prod",
        approvers=People(users=(BOB, CAROL), groups=("S0NETOPS",)),
        approvals=2,
        typed="10.0.0.0/24",
        expiry=900.0,
        watch=60.0,
        countersign=3600.0,
    )
    asked = replace(
        a_request(route, snapshot=seen, terms=terms), overlay_mode="Ipsec", origin="r-origin0000"
    )
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, reason="production is down")
    broken = lifecycle.record_decision(asked, alone)
    lost = route_change.lose(sent(), 1104.0, "Lost")
    waiting = route_change.wait(lost, 1105.0, "TaskConflict", "Another change runs.")
    watched = route_change.observe(accepted(), 1110.0, Observation(state="updating"))
    seen_present = route_change.observe(accepted(), 1110.0, PRESENT)
    return {
        "request-one-of-two": lifecycle.record_decision(asked, decided(Verdict.APPROVED, by=BOB)),
        "request-glass-broken": broken,
        "request-countersigned": lifecycle.countersign(broken, decided(Verdict.COUNTERSIGNED)),
        "request-sent": sent(),
        "request-answer-lost": lost,
        "request-waiting": waiting,
        "request-waiting-busy": route_change.wait(
            sent(), 1104.0, "TaskConflict", "Another change runs.", WaitCause.BUSY
        ),
        "request-stopped": lifecycle.stop(approved(), decided(Verdict.STOPPED)),
        "request-watched": watched,
        "request-seen-present": seen_present,
        "request-seen-absent": route_change.observe(watched, 1111.0, ABSENT),
        "request-troubled": lifecycle.trouble(approved(), 1101.0, "the bot has stopped"),
        "request-terms-changed": lifecycle.demand(a_request(), terms, 1050.0),
    }


def _deliveries() -> dict[str, object]:
    who: dict[str, Any] = {
        "user": ALICE,
        "channel": "C0NETOPS",
        "response_url": "https://hooks.slack.com/actions/T0/1/a",
    }
    id_ = "r-abcdefghij"
    click = DecisionClicked(**who, verdict=Verdict.REJECTED, request_id=id_, typed="10.0.0.0/24")
    form = DeleteFormSubmitted(
        **who, region="cn-hangzhou", connection="vco-a", routes=("10.0.0.0/24|vco-a|100",)
    )
    return {
        "inbox-command": CommandGiven(**who, text="delete vco-a 10.0.0.0/24"),
        "inbox-click": click,
        "inbox-click-at-home": DecisionClicked(user=BOB, at_home=True, request_id=id_),
        "inbox-undo": RestoreClicked(**who, request_id=id_),
        "inbox-restore": RestoreSubmitted(**who, request_id=id_, reason="it was right"),
        "inbox-countersign": CountersignSubmitted(**who, request_id=id_, word="wrong"),
        "inbox-glass": GlassConfirmed(
            **who,
            command="/vco-route delete vco-a 10.0.0.0/8 --reason down --break-glass",
            reason="down",
            typed="10.0.0.0/8",
            seen="0123456789abcdef",
        ),
        "inbox-again": AskAgainClicked(**who, request_id=id_),
        "inbox-stop": StopClicked(**who, request_id=id_),
        "inbox-check": CheckClicked(**who, request_id=id_),
        "inbox-reject": RejectionSubmitted(**who, request_id=id_, reason="not tonight"),
        "inbox-form": form,
        "inbox-form-typed": replace(form, routes=(), blocks="10.0.0.0/24", reason="INC-4211"),
        "inbox-home": HomeOpened(user=ALICE, at_home=True),
        "inbox-stray": UnknownPayload(**who, words="This button is of another version."),
    }


def main() -> None:
    """Write a new folder."""
    folder = STORED / sys.argv[1]
    folder.mkdir(parents=True)
    for name, text in forms().items():
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
