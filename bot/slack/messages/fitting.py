"""Keep a message within what Slack takes, by whole lines and whole rows. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from bot.slack.messages.texts import Block

BLOCKS_LIMIT = 12_500
"""Characters of all texts in a message's blocks. Nowhere documented, but Slack refuses somewhat
more than 13,000 (slackapi/bolt-js#2509)."""


def length(blocks: Iterable[Block]) -> int:
    """How many characters the texts of these blocks have."""
    return sum(map(len, _texts(list(blocks))))


def shares(wanted: Sequence[int], budget: int) -> list[int]:
    """What each gets of `budget`: who wants little gets it, the others share the rest evenly."""
    given, left = [0] * len(wanted), budget
    for place, index in enumerate(sorted(range(len(wanted)), key=lambda i: wanted[i])):
        given[index] = min(wanted[index], left // (len(wanted) - place))
        left -= given[index]
    return given


def _texts(value: object) -> Iterator[str]:
    """Every text, by the same name at whatever depth; Block Kit has it as `text` throughout."""
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, dict):
        text = value.get("text")
        if isinstance(text, str):
            yield text
        yield from _texts(list(value.values()))
