"""What people see of the monitoring after a change: on the card, in the thread, in App Home."""

import pytest
from builders import ALICE, BOB, a_route, a_snapshot, decided, in_state, live
from msgspec.structs import replace
from reading import objects

from bot import lifecycle
from bot.follow_up import monitoring
from bot.models import (
    Event,
    EventKind,
    Impact,
    Operation,
    Request,
    RequestState,
    Terms,
    Tunnel,
    Verdict,
)
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import text_of
from bot.slack.messages.app_home import view
from bot.slack.messages.buttons import AGAIN, COUNTERSIGN, RESTORE
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.concerns import AppHomeData
from bot.slack.messages.first_line import first_line
from bot.slack.messages.replies import Row
from bot.slack.messages.timeline import broadcast, line
from bot.store import CardState

UP = Tunnel(id="tun-1", status="ipsec_sa_established", up=True, bgp_status="success", bgp_up=True)
OTHER = replace(UP, id="tun-2")
DOWN = replace(UP, status="ike_sa_not_established", up=False)
NO_BGP = replace(OTHER, bgp_status="fail", bgp_up=False)


def changed(state: RequestState = RequestState.DELETED, **more: object) -> Request:
    connection = replace(a_snapshot(a_route()).connection, tunnels=(UP, OTHER))
    return in_state(state, snapshot=a_snapshot(a_route(), connection=connection), **more)


def seen(request: Request, at: float, *tunnels: Tunnel) -> Request:
    return monitoring.observe(
        request, at, replace(request.snapshot.connection, tunnels=tunnels or (UP, OTHER))
    )


def shown(request: Request) -> list[str]:
    blocks = card(request, View(now=0.0))[1]
    assert problems_in_blocks(blocks) == []
    return text_of({"blocks": blocks}).splitlines()


def buttons(request: Request) -> list[str]:
    blocks = card(request, View(now=0.0))[1]
    return [o["action_id"] for o in objects(blocks) if o.get("type") == "button"]


def said(request: Request) -> str:
    message = line(request, request.timeline[-1])
    assert message is not None
    assert problems_in_blocks(message[1]) == []
    return text_of({"blocks": message[1]}).split("  ", 1)[1]


def test_the_card_says_until_when_the_tunnels_are_watched_and_then_how_it_ended() -> None:
    request = changed()
    watching = "Watching the tunnels until <!date^1743^{time}|00:29 UTC>."
    assert watching in shown(request)
    over = monitoring.end(request, 1750.0)
    assert watching not in shown(over)
    as_before = "Tunnels and BGP as before, watched until <!date^1750^{time}|00:29 UTC>."
    assert as_before in shown(over)
    assert said(over) == "Watched for 10 min: tunnels and BGP as before."


def test_nothing_is_said_of_a_watch_that_can_see_nothing() -> None:
    """No tunnel was known before, or the policy asks for no monitoring."""
    for request in (in_state(RequestState.DELETED), changed(terms=Terms(watch=0.0))):
        assert "atch" not in "\n".join(shown(request))


def test_where_the_last_read_failed_nothing_is_claimed() -> None:
    over = monitoring.end(changed(), 1750.0, unread=True)
    for words in (said(over), "\n".join(shown(over))):
        assert "the last read failed. Look at the tunnels in the console." in words
        assert "as before" not in words


@pytest.mark.parametrize(
    ("tunnels", "words"),
    [
        ((DOWN, OTHER), "a tunnel is down since 00:20 UTC"),
        ((DOWN, replace(DOWN, id="tun-2")), "2 tunnels are down since 00:20 UTC"),
        ((UP, NO_BGP), "a BGP session is down since 00:20 UTC"),
        ((DOWN, NO_BGP), "a tunnel and a BGP session are down since 00:20 UTC"),
    ],
)
def test_what_is_down_stands_in_the_first_line(tunnels: tuple[Tunnel, ...], words: str) -> None:
    request = seen(changed(), 1200.0, *tunnels)
    assert first_line(request) == f"⚠️ Deleted 10.0.0.0/24 · vco-p0w5112f · {words}"
    assert shown(request)[0] == first_line(request)


def test_restoring_the_route_is_the_first_thing_that_the_card_offers() -> None:
    request = seen(changed(), 1200.0, DOWN, OTHER)
    said = shown(request)
    assert said[1] == (
        "*Tunnel tun-1 is down (ike_sa_not_established)* since "
        "<!date^1200^{time}|00:20 UTC>. It was up before this change. "
        "Watching the tunnels until <!date^1743^{time}|00:29 UTC>."
    )
    assert said[2] == "Restore the route"
    assert buttons(request) == [RESTORE]


def test_before_the_countersignature_too() -> None:
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0)
    terms = Terms(countersign=7200.0)
    asked = replace(changed(RequestState.PENDING), terms=terms)
    glass = lifecycle.record_decision(asked, alone)
    done = replace(changed(), decisions=glass.decisions, terms=terms)
    assert buttons(done) == [COUNTERSIGN, RESTORE]
    assert buttons(seen(done, 1200.0, DOWN)) == [RESTORE, COUNTERSIGN]


def test_a_restoration_that_made_it_worse_is_undone_by_a_deletion() -> None:
    request = seen(changed(RequestState.RESTORED), 1200.0, DOWN)
    assert request.operation is Operation.RESTORE
    assert "Delete the route again" in shown(request)


def test_what_can_not_be_restored_offers_no_button() -> None:
    never = Impact(route=a_route(), carries=("10.0.0.0/24",), not_restorable="Never again.")
    request = changed()
    lost = replace(request, snapshot=replace(request.snapshot, impacts=(never,)))
    worse = seen(lost, 1200.0, DOWN)
    assert buttons(worse) == []
    assert first_line(worse).startswith("⚠️")


def test_once_it_is_up_again_the_card_is_as_before() -> None:
    better = seen(seen(changed(), 1200.0, DOWN), 1230.0)
    assert shown(better) == shown(changed())


def test_what_is_still_down_at_the_end_stays_on_the_card_and_the_thread_offers_the_way_back() -> (
    None
):
    over = monitoring.end(seen(changed(), 1200.0, DOWN), 1750.0)
    assert "and still when the watching ended <!date^1750^{time}|00:29 UTC>." in shown(over)[1]
    assert buttons(over) == [RESTORE]
    verdict = said(over)
    assert verdict.startswith("⚠️ Watched for 10 min: still worse than before this change: tunnel")
    assert f"<@{ALICE}> <@{BOB}>" in verdict
    assert verdict.endswith("Restore the route")


def test_the_channel_hears_of_it_once_and_of_the_end_if_it_is_bad() -> None:
    worse = seen(changed(), 1200.0, DOWN)
    again = seen(seen(worse, 1230.0), 1260.0, DOWN)
    bad, good = monitoring.end(again, 1750.0), monitoring.end(changed(), 1750.0)
    heard = [e.kind for e in bad.timeline if broadcast(e)]
    assert heard == [EventKind.DEGRADED, EventKind.MONITORED]
    assert broadcast(worse.timeline[-1])
    assert not broadcast(again.timeline[-1])
    assert not any(map(broadcast, good.timeline))


def test_what_an_older_version_recorded_is_shown_as_well() -> None:
    old = Event(kind=EventKind.DEGRADED, at=1200.0, details={"what": "tunnel tun-1 is down"})
    assert "· a tunnel is down since 00:20 UTC" in first_line(changed().with_event(old))
    bare = changed().with_event(replace(old, details={}))
    assert "*The connection is worse* since" in shown(bare)[1]


def home(*requests: Request, now: float = 1300.0) -> str:
    rows = tuple(Row(r, CardState()) for r in requests)
    return text_of(view(AppHomeData(rows, now=now), "U0DORA"))


def test_app_home_has_it_on_top_for_a_day() -> None:
    worse = seen(changed(), 1200.0, DOWN)
    page = home(in_state(RequestState.EXECUTING, id="r-other"), worse)
    assert page.index("Worse since a change") < page.index("In flight")
    assert "⚠️ Deleted 10.0.0.0/24 · vco-p0w5112f · a tunnel is down" in page
    assert "Restore the route" in page
    assert "Worse since" not in home(worse, now=1200.0 + 24 * 3600)
    assert "Worse since" not in home(changed())


def test_a_partly_done_deletion_is_watched_too() -> None:
    two = (a_route(), a_route("10.1.0.0/24"))
    connection = replace(a_snapshot(*two).connection, tunnels=(UP,))
    impacts = tuple(Impact(route=r, takers=(live(r),)) for r in two)
    snapshot = a_snapshot(*two, connection=connection, impacts=impacts)
    begun = in_state(RequestState.DELETED, *two, snapshot=snapshot)
    state = RequestState.FAILED
    partly = replace(
        begun, state=state, routes=(begun.routes[0], in_state(state, two[1]).routes[0])
    )
    assert "Watching the tunnels until" in "\n".join(shown(partly))
    assert AGAIN in buttons(partly)
    assert RESTORE in buttons(partly)
