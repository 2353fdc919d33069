"""What the checks of `doctor` make of what they were told; nothing is asked of anybody here."""

import pytest

from bot.cli.checks import alibaba, redis, slack
from bot.cli.checks.alibaba import Shown
from bot.cli.checks.finding import NOT_TOLD, Level
from bot.config.redis_url import RedisKind
from bot.execution.rate_limit import Left
from bot.models import Place
from bot.slack.web import SCOPES


@pytest.mark.parametrize(
    ("facts", "level", "found"),
    [
        ({"redis_version": "6.0.16"}, Level.FAILURE, "6.0.16"),
        ({"redis_version": "5.0"}, Level.FAILURE, "5.0"),
        ({"redis_version": "6.2.0"}, Level.OK, "Redis 6.2.0"),
        ({"redis_version": 7.4}, Level.OK, "Redis 7.4"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.1"}, Level.OK, "Valkey 8.1.1"),
        ({"redis_version": "enterprise"}, Level.OK, NOT_TOLD),
        ({}, Level.OK, NOT_TOLD),
    ],
)
def test_a_server_that_is_too_old_is_named(
    facts: dict[str, object], level: Level, found: str
) -> None:
    said = redis.version(facts)
    assert (said.level, said.found) == (level, found)


@pytest.mark.parametrize(
    ("facts", "kind", "level"),
    [
        ({"redis_mode": "standalone"}, RedisKind.STANDALONE, Level.OK),
        ({"server_mode": "standalone"}, RedisKind.SENTINEL, Level.OK),
        ({"redis_mode": "cluster"}, RedisKind.CLUSTER, Level.OK),
        ({"redis_mode": "cluster", "role": "slave"}, RedisKind.CLUSTER, Level.OK),
        ({"redis_mode": "cluster"}, RedisKind.STANDALONE, Level.FAILURE),
        ({"redis_mode": "standalone"}, RedisKind.CLUSTER, Level.FAILURE),
        ({"redis_mode": "sentinel"}, RedisKind.STANDALONE, Level.FAILURE),
        ({"redis_mode": "standalone", "role": "slave"}, RedisKind.STANDALONE, Level.FAILURE),
        ({}, RedisKind.STANDALONE, Level.OK),
    ],
)
def test_a_url_of_another_shape_than_the_server_has_is_named(
    facts: dict[str, object], kind: RedisKind, level: Level
) -> None:
    assert redis.shape(facts, kind).level is level


@pytest.mark.parametrize(
    ("used", "level"), [(79, Level.OK), (80, Level.WARNING), (95, Level.FAILURE)]
)
def test_memory_is_judged_by_what_is_left(used: int, level: Level) -> None:
    facts = {"used_memory": used << 20, "maxmemory": 100 << 20}
    assert redis.memory(facts).level is level


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        (0.4, Level.OK, "0 s apart"),
        (-59.0, Level.OK, "59 s apart"),
        (-61.0, Level.FAILURE, "61 s behind"),
        (1000.0, Level.FAILURE, "1000 s ahead: every call is refused"),
        (None, Level.OK, "not told"),
    ],
)
def test_a_clock_that_is_off_is_named(ahead: float | None, level: Level, words: str) -> None:
    said = alibaba.clock("clock and alibaba", ahead)
    assert said.level is level
    assert words in said.found


@pytest.mark.parametrize(
    ("left", "level"),
    [
        (Left(3, 54, 0.0), Level.OK),
        (Left(0, 54, 0.0), Level.WARNING),
        (Left(54, 54, 3.0), Level.WARNING),
    ],
)
def test_a_quota_that_is_used_up_is_a_warning(left: Left, level: Level) -> None:
    assert alibaba.quota("DeleteVcoRouteEntry", "cn-hangzhou", left).level is level


def test_a_try_that_shows_nothing_blames_nobody() -> None:
    said = alibaba.permission("vpc:DeleteVcoRouteEntry", Shown.NOTHING, everything=True)
    assert (said.level, said.mend) == (Level.OK, "")
    assert said.found.startswith("not told")


def test_a_token_whose_scopes_slack_does_not_tell_is_not_blamed() -> None:
    assert slack.scopes(None).level is Level.OK
    assert slack.scopes(SCOPES).level is Level.OK


def test_a_direct_message_is_no_place_for_cards() -> None:
    said = slack.channel("D1", Place(id="D1", member=True, direct=True))
    assert said.level is Level.FAILURE
