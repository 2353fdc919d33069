"""Every event that is logged is declared, with its meaning, and the page for operators says it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from bot.log_events import EVENTS, page

ROOT = Path(__file__).parents[2]
_METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def logged() -> Iterator[tuple[str, str]]:
    """Each name of an event in the code, and where it is logged."""
    for path in sorted((ROOT / "bot").rglob("*.py")):
        if "sandbox" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for name in _names(node):
                    yield name, f"{path.relative_to(ROOT)}:{node.lineno}"


def _names(call: ast.Call) -> list[str]:
    match call.func:
        case ast.Attribute(value=ast.Name(id="log"), attr=method) if method in _METHODS:
            return _texts(call.args[1 if method == "log" else 0])
        case ast.Name(id="LimitedLog"):
            return _texts(call.args[1])
        case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="getLogger")), attr=method):
            return _texts(call.args[0]) if method in _METHODS else []
    return []


def _texts(argument: ast.expr) -> list[str]:
    if isinstance(argument, ast.IfExp):
        return [*_texts(argument.body), *_texts(argument.orelse)]
    value = argument.value if isinstance(argument, ast.Constant) else None
    assert isinstance(value, str), f"an event's name is written out where it is logged: {value!r}"
    return [value]


def test_every_event_that_is_logged_is_declared_and_no_other() -> None:
    found = dict(logged())
    undeclared = {name: where for name, where in found.items() if name not in EVENTS}
    assert undeclared == {}
    assert set(EVENTS) - set(found) == set()


def test_the_page_for_operators_says_what_is_declared() -> None:
    written = (ROOT / "docs" / "logs.md").read_text()
    assert written == page(), "python -m bot.log_events > docs/logs.md"


def test_a_meaning_breaks_no_table() -> None:
    for name, event in EVENTS.items():
        assert "|" not in event.meaning + event.mend, name
        assert event.meaning.endswith(".")
