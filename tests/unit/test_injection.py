"""What strangers write changes nothing but the value it stands in: no line, no code, no type."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from test_logs import Terminal

from bot.config.settings import LogFormat
from bot.logs import configure

BOT = Path(__file__).parents[2] / "bot"

HOSTILE = {
    "another line": "x\n2026-01-01T00:00:00Z [info     ] decision  decided=True by=U0BOB",
    "a carriage return": "x\rdecision decided=True",
    "a line of Windows": "x\r\ndecision",
    "a terminal's escape": "x\x1b[2K\x1b]0;title\x07\x1b[31m",
    "an escape of one byte": "x\x9b2Jdecision",
    "a separator of lines": "x\u2028decision\u2029\x85\x0b\x0c",
    "nothing": "x\x00y",
    "turned round": "x\u202edecision",
    "a field": 'x" decided="True',
    "a field of JSON": 'x", "decided": "true',
}
"""What a reason, a name of a connection, or a header might hold."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def written(look: str, text: str, *, library: bool) -> str:
    """What the log is when somebody's text is logged, by us or in a message of a library."""
    stream = Terminal() if look == "colours" else io.StringIO()
    configure(LogFormat.JSON if look == "json" else LogFormat.CONSOLE, "INFO", stream=stream)
    if library:
        logging.getLogger("library").warning("refused %s", text)
    else:
        structlog.get_logger("bot").info("refused", why=text)
    return stream.getvalue()


@pytest.mark.parametrize("library", [False, True], ids=["ours", "a library's"])
@pytest.mark.parametrize("look", ["json", "console"])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_makes_a_line_of_the_log_or_moves_a_terminal(
    name: str, look: str, *, library: bool
) -> None:
    said = written(look, HOSTILE[name], library=library)
    assert said.endswith("\n")
    assert len(said[:-1].splitlines()) == 1, said
    assert said[:-1].isprintable(), said


@pytest.mark.parametrize("name", HOSTILE)
def test_in_json_all_of_it_is_the_value_of_one_field(name: str) -> None:
    line = json.loads(written("json", HOSTILE[name], library=False))
    assert line["why"] == HOSTILE[name]
    assert set(line) == {"event", "level", "logger", "timestamp", "why"}


MAKES_CODE = {"eval", "exec", "compile", "__import__"}
MAKES_OBJECTS = {"pickle", "marshal", "shelve", "dill", "yaml", "jsonpickle", "xml"}


def test_nothing_that_is_read_can_become_code_or_a_type_of_its_choice() -> None:
    for node in (n for file in BOT.rglob("*.py") for n in ast.walk(ast.parse(file.read_text()))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not {name.partition(".")[0] for name in names} & MAKES_OBJECTS
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in MAKES_CODE, ast.unparse(node)
