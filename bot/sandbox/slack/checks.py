"""Small checks of JSON values, combined into the tables of `blocks`.

A check yields problems in the words that Slack's `response_metadata.messages` uses, each
with the JSON pointer of what is wrong.
"""

from collections.abc import Callable, Iterator, Mapping

Check = Callable[[object, str], Iterator[str]]


def problem(words: str, path: str) -> str:
    """One line of `response_metadata.messages`."""
    return f"[ERROR] {words} [json-pointer:{path}]"


def string(most: int, least: int = 1) -> Check:
    """A string of `least` to `most` characters."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must provide a string", path)
        elif len(value) > most:
            yield problem(f"must be less than {most + 1} characters", path)
        elif len(value) < least:
            yield problem(f"must be more than {least - 1} characters", path)

    return check


def number(low: int, high: int) -> Check:
    """A whole number between the bounds, both included."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            yield problem(f"must be a number from {low} to {high}", path)

    return check


def boolean(value: object, path: str) -> Iterator[str]:
    """True or false."""
    if not isinstance(value, bool):
        yield problem("must be a boolean", path)


def anything(_value: object, _path: str) -> Iterator[str]:
    """Tolerated as it is."""
    yield from ()


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: object, path: str) -> Iterator[str]:
        if value not in allowed:
            yield problem(f"must be a valid enum value: {', '.join(allowed)}", path)

    return check


def items(check_item: Check, most: int, least: int = 1) -> Check:
    """An array whose items all pass."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield problem("must provide an array", path)
            return
        if len(value) > most:
            yield problem(f"no more than {most} items allowed", path)
        if len(value) < least:
            yield problem(f"no fewer than {least} items allowed", path)
        for index, item in enumerate(value):
            yield from check_item(item, f"{path}/{index}")

    return check


def shape(
    required: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    *,
    either: tuple[str, ...] = (),
    alone: bool = True,
) -> Check:
    """An object with these keys and no others; a `type` is always allowed.

    Of the keys in `either` one must be there, and only one where `alone`.
    """
    known = {"type": anything, **required, **(optional or {})}

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must provide an object", path)
            return
        for key in required:
            if key not in value:
                yield problem(f"missing required field: {key}", path)
        given = [key for key in either if key in value]
        if either and not given:
            yield problem(f"must define one of: {', '.join(either)}", path)
        if alone and len(given) > 1:
            yield problem(f"can only define one of: {', '.join(either)}", path)
        for key, inner in value.items():
            if key in known:
                yield from known[key](inner, f"{path}/{key}")
            else:
                yield problem(f"invalid additional property: {key}", path)

    return check


def by_type(table: Mapping[str, Check]) -> Check:
    """An object whose `type` selects the check."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must provide an object", path)
        elif "type" not in value:
            yield problem("missing required field: type", path)
        elif value["type"] not in table:
            yield problem(f"unsupported type: {value['type']}", f"{path}/type")
        else:
            yield from table[value["type"]](value, path)

    return check


def plain_text(most: int) -> Check:
    """A text object that is plain_text."""
    return by_type({"plain_text": shape({"text": string(most)}, {"emoji": boolean})})


def text(most: int) -> Check:
    """A text object, plain_text or mrkdwn."""
    return by_type(
        {
            "plain_text": shape({"text": string(most)}, {"emoji": boolean}),
            "mrkdwn": shape({"text": string(most)}, {"verbatim": boolean}),
        }
    )
