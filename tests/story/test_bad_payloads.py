"""Whatever Slack or somebody else delivers: its sender is told, and nothing is left pending."""

import asyncio
import json
from itertools import count
from typing import Any, cast

import pytest
import structlog
from leftovers import no_traceback, nothing_is_left
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest
from stage import Stage
from waiting import until

from bot.sandbox.slack.deliver import Ack, Kind
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB, NETWORK_OPS, T_HOME
from bot.slack.listeners import ListenerContext
from bot.slack.payload import Body
from bot.slack.payloads import InboxItem
from bot.slack.router import for_bolt
from bot.slack.unknown import UnknownPayloads

__all__ = ["no_traceback"]

Json = dict[str, Any]

NOT_KNOWN = "This is not known any more. Nothing happened; please ask again."
NO_REQUEST = "This does not name a request. Please ask again."

_NEW = count()


def click(stage: Stage, **changes: Any) -> Json:  # noqa: ANN401 - JSON
    """A click on Approve as Slack sends it; a change to None leaves a field out."""
    payload = {
        "type": "block_actions",
        "team": {"id": T_HOME},
        "user": {"id": BOB, "team_id": T_HOME},
        "channel": {"id": NETWORK_OPS},
        "trigger_id": f"trigger-{next(_NEW)}",
        "response_url": stage.slack.state.new_hook(BOB, NETWORK_OPS)[0],
        "actions": [{"type": "button", "action_id": "vco_route_approve", "value": "r-aaaaaaaaaa"}],
    }
    return {k: v for k, v in (payload | changes).items() if v is not None}


def button(**changes: Any) -> list[Json]:  # noqa: ANN401 - JSON
    """The actions of a click on a button with something wrong."""
    return [{"type": "button", "action_id": "vco_route_approve", "block_id": "b"} | changes]


def submission(**changes: Any) -> Json:  # noqa: ANN401 - JSON
    """The rejection form as Slack sends it in."""
    view = {
        "id": f"V{next(_NEW)}",
        "type": "modal",
        "callback_id": "vco_route_reject_form",
        "private_metadata": "r-aaaaaaaaaa",
        "state": {"values": {"reason": {"text": {"type": "plain_text_input", "value": "no"}}}},
    }
    who = {"team": {"id": T_HOME}, "user": {"id": BOB, "team_id": T_HOME}}
    view = {k: v for k, v in (view | changes).items() if v is not None}
    return {"type": "view_submission", **who, "trigger_id": f"trigger-{next(_NEW)}", "view": view}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "Request r-aaaaaaaaaa is not known any more", id="unknown request"),
        pytest.param({"actions": button()}, NO_REQUEST, id="no value"),
        pytest.param({"actions": button(value="")}, NO_REQUEST, id="empty value"),
        pytest.param({"actions": button(value=7)}, NO_REQUEST, id="a number"),
        pytest.param({"actions": button(value="x" * 2000)}, NO_REQUEST, id="huge value"),
        pytest.param({"actions": button(value="<!channel>\ud800")}, NO_REQUEST, id="a ping"),
        pytest.param({"actions": button(action_id="old")}, NOT_KNOWN, id="unknown action"),
        pytest.param({"actions": None}, NOT_KNOWN, id="no actions"),
        pytest.param({"actions": []}, NOT_KNOWN, id="empty actions"),
        pytest.param({"actions": "approve"}, NOT_KNOWN, id="actions are no list"),
        pytest.param({"actions": [5]}, NOT_KNOWN, id="an action is no object"),
        pytest.param({"type": None}, NOT_KNOWN, id="no type"),
        pytest.param({"type": "message_action"}, NOT_KNOWN, id="a shortcut of another app"),
        pytest.param({"user": None}, "is not known any more", id="no user"),
        pytest.param({"channel": None}, "is not known any more", id="no channel"),
        pytest.param({"response_url": None}, "is not known any more", id="no response_url"),
        pytest.param({"response_url": "nowhere"}, "is not known any more", id="bad response_url"),
        pytest.param({"trigger_id": None}, "is not known any more", id="no trigger"),
    ],
)
async def test_a_click_that_can_not_be_meant_is_told_so_privately(
    playing: Stage, changes: Json, words: str
) -> None:
    ack = await playing.slack.deliver("interactive", click(playing, **changes))
    assert (ack.status, ack.body) == (200, "")
    told = await playing.until_told(BOB, words)
    assert "<!channel>" not in told
    await nothing_is_left(playing)


async def test_two_payloads_without_any_id_are_two(playing: Stage) -> None:
    for value in ("r-aaaaaaaaaa", "r-bbbbbbbbbb"):
        changes = {"trigger_id": None, "actions": button(value=value)}
        await playing.slack.deliver("interactive", click(playing, **changes))
        await playing.until_told(BOB, f"Request {value} is not known any more")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("r-aaaaaaaaaa", "Request r-aaaaaaaaaa is not known any more"),
        ("", NO_REQUEST),
        ("<!here> & \x00" * 50, NO_REQUEST),
        (None, NO_REQUEST),
    ],
)
async def test_a_rejection_of_what_is_gone_is_answered_directly(
    playing: Stage, metadata: str | None, words: str
) -> None:
    ack = await playing.slack.deliver("interactive", submission(private_metadata=metadata))
    assert (ack.status, ack.body) == (200, "")
    said = await playing.slack.until(lambda: playing.told_directly(BOB))
    assert words in text_of(said[0])
    assert "Please ask again" in text_of(said[0])
    await nothing_is_left(playing)


async def test_a_rejection_wants_its_reason(playing: Stage) -> None:
    card = await playing.ask()
    await playing.reject(card, "   ")
    view = playing.slack.modal(BOB)
    assert view is not None
    assert "reason" in view.errors
    assert (await playing.request(card)).state == "pending"


@pytest.mark.parametrize("state", [None, {}, {"values": None}, {"values": {"reason": "no"}}, 5])
async def test_a_form_without_its_reason_asks_for_it(playing: Stage, state: object) -> None:
    ack = await playing.slack.deliver("interactive", submission(state=state))
    assert ack.json == {"response_action": "errors", "errors": {"reason": "Please say why."}}


@pytest.mark.parametrize("changes", [{"callback_id": "old_form"}, {"callback_id": None}])
async def test_a_form_that_nobody_knows_says_so_in_its_place(playing: Stage, changes: Json) -> None:
    ack = await playing.slack.deliver("interactive", submission(**changes))
    assert ack.status == 200
    assert ack.json is not None
    assert NOT_KNOWN in json.dumps(ack.json["view"])


async def test_a_command_of_another_name_is_answered(playing: Stage) -> None:
    fields = {"command": "/old-route", "text": "", "team_id": T_HOME, "user_id": ALICE}
    ack = await playing.slack.deliver("slash_commands", fields)
    assert ack.json == {"response_type": "ephemeral", "text": NOT_KNOWN}


def event(**changes: Any) -> Json:  # noqa: ANN401 - JSON
    """Somebody looks at the App Home."""
    inner = {"type": "app_home_opened", "user": BOB, "tab": "home"}
    return {"type": "event_callback", "team_id": T_HOME, "event_id": f"Ev{next(_NEW)}"} | (
        {"event": {k: v for k, v in (inner | changes).items() if v is not None}}
    )


@pytest.mark.parametrize(
    "payload",
    [
        event(user=None),
        event(tab="messages"),
        event(type="reaction_added"),
        event(type=None),
        event() | {"event": "opened"},
        event() | {"event": []},
    ],
)
async def test_an_event_that_means_nothing_is_acknowledged_and_forgotten(
    playing: Stage, payload: Json
) -> None:
    before = len(playing.slack.requests)
    ack = await playing.slack.deliver("events_api", payload)
    assert ack.status == 200
    await nothing_is_left(playing)
    methods = [call.method for call in playing.slack.requests[before:]]
    assert "views.publish" not in methods


async def test_the_home_shows_what_is_open(playing: Stage) -> None:
    card = await playing.ask()
    request = await playing.request(card)
    playing.slack.open_home(BOB)
    shown = await playing.slack.until(lambda: playing.slack.home(BOB))
    assert request.id in json.dumps(shown)


JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        pytest.param(JSON_TYPE, b'{"type":', 400, id="broken JSON"),
        pytest.param(JSON_TYPE, b"[1, 2]", 400, id="a list"),
        pytest.param(JSON_TYPE, b"null", 400, id="null"),
        pytest.param(JSON_TYPE, b'{"event": null, "type": "event_callback"}', 200, id="no event"),
        pytest.param(JSON_TYPE, b'{"a":' + b"[" * 100_000, 400, id="nested without end"),
        pytest.param(FORM_TYPE, b"payload=%7Bxx", 400, id="broken payload"),
        pytest.param(FORM_TYPE, b"payload=%5B1%5D", 400, id="payload is a list"),
        pytest.param(FORM_TYPE, b'payload={"user": 5}', 400, id="user is a number"),
        pytest.param("text/plain; charset=nope", b"hello", 200, id="unknown charset"),
        pytest.param("text/plain", b"hello", 200, id="plain text"),
        pytest.param(FORM_TYPE, b"", 200, id="empty"),
    ],
)
async def test_a_signed_body_that_is_no_payload_is_refused_in_a_line(
    playing: Stage, content_type: str, body: bytes, status: int
) -> None:
    ack = await raw(playing, content_type, body)
    assert ack.status == status
    assert ("no payload of Slack's" in ack.body) == (status == 400)
    await nothing_is_left(playing)


async def raw(stage: Stage, content_type: str, body: bytes) -> Ack:
    """Deliver a body as it is, rightly signed."""
    return await stage.slack.courier.forge(content_type, body)


@pytest.mark.parametrize(
    "forged",
    [{"signature": ""}, {"signature": "v0=00"}, {"timestamp": ""}, {"timestamp": "1600000000"}],
)
async def test_what_slack_did_not_sign_does_nothing(playing: Stage, forged: Json) -> None:
    ack = await playing.slack.deliver("interactive", click(playing), **forged)
    assert ack.status == 401
    await nothing_is_left(playing)
    assert playing.told(BOB) == ""


async def test_the_payload_of_another_workspace_is_refused(playing: Stage) -> None:
    changes = {"team": {"id": "T0FOREIGN"}, "user": {"id": BOB, "team_id": "T0FOREIGN"}}
    await playing.slack.deliver("interactive", click(playing, **changes))
    await playing.until_told(BOB, "This bot serves another workspace")
    await nothing_is_left(playing)


async def test_over_a_socket_the_same_is_told(stage: Stage) -> None:
    await stage.start_bot(socket_mode=True)
    for actions in ([], button(action_id="old")):
        ack = await stage.slack.courier.send(Kind.INTERACTIVE, click(stage, actions=actions))
        assert (ack.error, ack.body) == ("", "")
    await stage.slack.until(lambda: stage.told(BOB).count(NOT_KNOWN) == 2)
    await nothing_is_left(stage)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"command": "/vco-route"}, "This did not work"),
        ({"type": "view_submission"}, "This did not work"),
        ({"type": "block_actions", "user": {"id": BOB}}, "kept"),
        ({"type": "block_suggestion"}, '{"options": []}'),
        ({"type": "event_callback"}, ""),
    ],
)
async def test_a_fault_of_ours_is_told_too(body: Json, answer: str) -> None:
    """An exception that nobody foresaw: logged with its traceback, and no dead button."""
    kept: list[InboxItem] = []

    async def keep(_: Body, delivery: InboxItem) -> bool:
        kept.append(delivery)
        return True

    async def tell(_: str, __: str) -> bool:
        raise AssertionError

    with structlog.testing.capture_logs() as events:
        response = await UnknownPayloads(keep, tell, lambda _, __: True).failed(
            RuntimeError("unforeseen"), body, AsyncBoltRequest(body=body, mode="socket_mode")
        )
    assert response.status == 200
    assert events[0]["event"] == "listener_failed"
    assert isinstance(events[0]["exc_info"], RuntimeError)
    assert [d.user for d in kept] == ([BOB] if answer == "kept" else [])
    assert answer == "kept" or answer in response.body


async def test_a_fault_after_the_acknowledgement_is_logged_with_its_cause() -> None:
    """A form is filled in after its click was acknowledged: nobody waits for that any more."""
    go_on = asyncio.Event()

    async def fills_in(_: ListenerContext, ack: AsyncAck, __: Body) -> None:
        await ack()
        await go_on.wait()
        raise RuntimeError("unforeseen")

    listen = for_bolt(fills_in, cast("ListenerContext", None))
    with structlog.testing.capture_logs() as events:
        ack = AsyncAck()  # type: ignore[no-untyped-call] # Bolt's
        await listen(ack, {}, AsyncBoltRequest(body={}, mode="socket_mode"))
        assert events == []
        go_on.set()
        await until(lambda: bool(events))
    assert events[0]["event"] == "listener_failed"
    assert isinstance(events[0]["exc_info"], RuntimeError)
