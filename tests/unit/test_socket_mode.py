"""Socket Mode without a network: what Slack says, and when a silent socket is dead."""

import json

import pytest

from bot.sandbox.slack.workspace import Json
from bot.slack.socket_mode import (
    UNANSWERED_PINGS,
    Disconnect,
    End,
    Envelope,
    Heartbeat,
    Hello,
    acknowledgement,
    message,
    pause,
)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ({"type": "hello", "num_connections": 2}, Hello(sockets=2)),
        ({"type": "hello"}, Hello()),
        ({"type": "disconnect", "reason": "warning"}, Disconnect(reason=End.WARNING)),
        ({"type": "disconnect", "reason": "refresh_requested"}, Disconnect(reason=End.REFRESH)),
        ({"type": "disconnect", "reason": "link_disabled"}, Disconnect(reason=End.DISABLED)),
        ({"type": "disconnect", "reason": "too_many_websockets"}, Disconnect(reason=End.TOO_MANY)),
        ({"type": "disconnect", "reason": "of a later year"}, Disconnect()),
        # Ours to say, and not Slack's.
        ({"type": "disconnect", "reason": "silent"}, Disconnect()),
        ({"type": "disconnect", "reason": 7}, Disconnect()),
        (
            {"type": "interactive", "envelope_id": "e1", "payload": {"a": 1}, "retry_attempt": 0},
            Envelope(id="e1", payload={"a": 1}),
        ),
        (
            {
                "type": "events_api",
                "envelope_id": "e2",
                "payload": {"a": 1},
                "retry_attempt": 1,
                "retry_reason": "timeout",
            },
            Envelope(id="e2", payload={"a": 1}, retry_attempt="1", retry_reason="timeout"),
        ),
        ({"type": "interactive", "envelope_id": "e3", "payload": "no object"}, None),
        ({"type": "interactive", "payload": {"a": 1}}, None),
        ({"type": "news"}, None),
        ({}, None),
        ([], None),
    ],
)
def test_what_slack_says(said: object, means: object) -> None:
    assert message(json.dumps(said)) == means


@pytest.mark.parametrize("text", ["", "hello", "{", "[" * 100_000, "\ud800"])
def test_what_is_no_json_is_ignored(text: str) -> None:
    assert message(text) is None


def test_a_delivery_that_is_not_the_first_says_so_as_over_http() -> None:
    first = Envelope(id="e", payload={})
    again = Envelope(id="e", payload={}, retry_attempt="2", retry_reason="timeout")
    assert first.headers == {}
    assert again.headers == {"x-slack-retry-num": "2", "x-slack-retry-reason": "timeout"}


@pytest.mark.parametrize(
    ("status", "body", "content_type", "sent"),
    [
        (200, "", "", {"envelope_id": "e"}),
        (200, "Done", "text/plain", {"envelope_id": "e", "payload": {"text": "Done"}}),
        (
            200,
            '{"response_action": "clear"}',
            "application/json;charset=utf-8",
            {"envelope_id": "e", "payload": {"response_action": "clear"}},
        ),
        (503, "not recorded", "text/plain", None),
    ],
)
def test_what_is_acknowledged(status: int, body: str, content_type: str, sent: Json | None) -> None:
    text = acknowledgement("e", status, body, content_type)
    assert (json.loads(text) if text else None) == sent


def test_a_socket_is_dead_when_pings_in_a_row_brought_nothing_back() -> None:
    heartbeat = Heartbeat()
    assert [heartbeat.beat() for _ in range(UNANSWERED_PINGS)] == [True] * UNANSWERED_PINGS
    assert not heartbeat.beat()


def test_any_frame_keeps_a_socket_alive() -> None:
    heartbeat = Heartbeat()
    for _ in range(10):
        assert heartbeat.beat()
        assert heartbeat.beat()
        heartbeat.heard()


def test_the_first_attempt_is_at_once_and_the_pauses_grow_to_a_bound() -> None:
    pauses = [pause(attempt) for attempt in range(100)]
    assert pauses[0] == 0
    assert pauses[1] < 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 20
