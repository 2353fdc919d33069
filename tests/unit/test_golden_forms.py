"""Stored forms are a contract: what any version has stored, every later one reads."""

from pathlib import Path

import msgspec
import pytest
from golden_forms import READERS, STORED, forms

from bot.slack.routes import ROUTER

FOLDERS = sorted((f for f in STORED.iterdir() if f.is_dir()), key=lambda f: int(f.name[1:]))
RECORDED = [file for folder in FOLDERS for file in sorted(folder.glob("*.json"))]
HOW = "a deliberate change? PYTHONPATH=.:tests python -m golden_forms v{}; never edit an old folder"


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


@pytest.mark.parametrize("file", RECORDED, ids=name_of)
def test_what_an_earlier_version_has_stored_is_read_and_nothing_of_it_is_lost(file: Path) -> None:
    text = file.read_text()
    read = READERS[file.stem.partition("-")[0]](text)
    written = msgspec.json.decode(msgspec.json.encode(read))
    assert written == msgspec.json.decode(text)


def test_what_is_stored_has_still_the_form_that_is_recorded() -> None:
    newest = {file.stem: file.read_text().strip() for file in FOLDERS[-1].glob("*.json")}
    how = HOW.format(len(FOLDERS))
    written = forms()
    assert written.keys() == newest.keys(), how
    changed = [name for name, text in written.items() if text != newest[name]]
    assert not changed, how


def test_every_kind_of_inbox_item_has_its_form() -> None:
    known = {type(ROUTER.decode(text)) for name, text in forms().items() if "inbox-" in name}
    assert known == set(ROUTER.items)
