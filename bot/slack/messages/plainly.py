"""Slack's mrkdwn, as we write it, read as plain text: for a terminal. Pure."""

import re

_MARKUP = (
    (re.compile(r"<!date\^[^|>]*\|([^>]*)>"), r"\1"),
    (re.compile(r"<(?:!subteam\^|@|#)([A-Z0-9]+)>"), r"\1"),
    (re.compile(r"<(https?://[^|>]*)\|([^>]*)>"), r"\2: \1"),
    (re.compile(r":(?:warning|rotating_light):"), "!"),
    (re.compile(r"\*([^*\n]+)\*"), r"\1"),
    (re.compile("`"), ""),
    # Last: what was escaped is nobody's markup.
    (re.compile("&lt;"), "<"),
    (re.compile("&gt;"), ">"),
    (re.compile("&amp;"), "&"),
)


def as_plain(mrkdwn: str) -> str:
    """Our own mrkdwn without its markup: people and groups by id, times in UTC."""
    for pattern, plain in _MARKUP:
        mrkdwn = pattern.sub(plain, mrkdwn)
    return mrkdwn


def printable(text: str) -> str:
    """Text that can move no cursor and hide nothing, whoever wrote it."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
