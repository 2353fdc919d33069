"""The small parts of messages: escaping, times, lengths that Slack takes."""

import html
import re

import pytest
from builders import a_request, a_route
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.messages import mrkdwn


@given(st.text())
def test_escaped_text_reads_the_same_and_can_neither_ping_nor_link(text: str) -> None:
    escaped = mrkdwn.escape(text)
    assert "<" not in escaped
    assert ">" not in escaped
    assert html.unescape(escaped) == html.unescape(html.escape(text, quote=False))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (41.3, "41 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
    ],
)
def test_a_duration_is_told_as_people_do(seconds: float, words: str) -> None:
    assert mrkdwn.duration(seconds) == words


def test_a_time_is_shown_in_the_readers_zone_and_else_in_utc() -> None:
    assert mrkdwn.clock(1700000000.9) == "<!date^1700000000^{time}|22:13 UTC>"
    assert mrkdwn.clock(1700000000, seconds=True) == "<!date^1700000000^{time_secs}|22:13:20 UTC>"


def test_people_and_groups_are_mentioned_so_that_they_are_pinged() -> None:
    assert mrkdwn.mention("U0BOB") == "<@U0BOB>"
    assert mrkdwn.mention("W0BOB") == "<@W0BOB>"
    assert mrkdwn.mention("S0NETOPS") == "<!subteam^S0NETOPS>"


def test_the_sentence_names_the_routes() -> None:
    one, two = a_request(), a_request(a_route(), a_route("10.9.0.0/24"))
    end = "from vco-p0w5112f (cn-hangzhou)"
    assert mrkdwn.sentence("Delete", one) == f"Delete 10.0.0.0/24 {end}"
    assert mrkdwn.sentence("Delete", two) == f"Delete 10.0.0.0/24 and 10.9.0.0/24 {end}"


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_cut_text_fits_and_says_that_it_was_cut(text: str, limit: int) -> None:
    cut = mrkdwn.cut(text, limit)
    assert len(cut) <= limit
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


@given(st.lists(st.from_regex(r"<https://x/[a-z]{1,9}\|[a-z]{1,9}> &lt;", fullmatch=True)))
def test_a_long_paragraph_loses_whole_lines_and_no_half_links(lines: list[str]) -> None:
    shown = mrkdwn.whole_lines("\n".join(lines), limit=100)
    assert len(shown) <= 100
    assert all(line in {*lines, "…"} for line in shown.split("\n") if line)
    assert len(re.findall("<", shown)) == len(re.findall(">", shown))


def test_a_long_quotation_still_ends() -> None:
    assert mrkdwn.quoted("x" * 5000)["text"].endswith("…”")
    assert len(mrkdwn.quoted("x" * 5000)["text"]) == mrkdwn.SECTION_LIMIT
