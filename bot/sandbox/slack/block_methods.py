"""`blocks.validate`: Slack's judgement of a message, of blocks or of a view. Nothing is posted.

Source: docs.slack.dev/reference/methods/blocks.validate.
"""

import re

from bot.sandbox.slack.arguments import Arguments, Refusal
from bot.sandbox.slack.blocks import problems_in_blocks, problems_in_view
from bot.sandbox.slack.content import checked_view, read_content
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Json

_PROBLEM = re.compile(r"\[ERROR\] (?P<message>.*?)(?: \[json-pointer:(?P<pointer>.*)\])?")


def validate(state: State, args: Arguments) -> Json:  # noqa: ARG001 - the shape of a method
    """blocks.validate: exactly one of `blocks`, `message` and `view`, as JSON."""
    given = [name for name in ("blocks", "message", "view") if args.values.get(name) is not None]
    if len(given) != 1:
        raise Refusal("invalid_arguments", "[ERROR] provide one of blocks, view, or message")
    [kind] = given
    problems = _problems(kind, args.structure(kind, "invalid_arguments"))
    if problems:
        raise Invalid(f"invalid_{kind}", problems)
    return {}


class Invalid(Refusal):
    """The refusal of `blocks.validate`, which lists what is wrong."""

    def __init__(self, code: str, problems: list[str]) -> None:
        super().__init__(code)
        self.problems = problems

    def body(self) -> Json:
        """The answer's JSON, with its `errors`."""
        return {**super().body(), "errors": [_error(problem) for problem in self.problems]}


def _problems(kind: str, shown: object) -> list[str]:
    """What Slack has against it, in its words."""
    if kind == "blocks":
        return problems_in_blocks(shown)
    if not isinstance(shown, dict):
        return ["[ERROR] must provide an object [json-pointer:/]"]
    try:
        if kind == "view":
            found = problems_in_view(shown)
            if not found:
                checked_view(shown, str(shown["type"]))
            return found
        read_content(Arguments(shown))
    except Refusal as refusal:
        return list(refusal.messages) or [f"[ERROR] {refusal.code}"]
    return []


def _error(problem: str) -> Json:
    found = _PROBLEM.fullmatch(problem)
    message = found["message"] if found else problem
    pointer = found["pointer"] if found and found["pointer"] else "/"
    return {"pointer": pointer, "code": "failed_constraint", "message": message}
