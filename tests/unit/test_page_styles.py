"""The sandbox's page has no style that nothing bears."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "bot" / "sandbox" / "slack" / "page"

FROM_DATA = {"danger", "to-center", "to-right"}
"""What the bot or a table's column says: a button's style, how cells are aligned."""


def test_every_class_that_has_a_style_is_written_somewhere() -> None:
    code = "".join(path.read_text() for path in [*PAGE.glob("*.js"), PAGE / "index.html"])
    texts = " ".join(re.findall(r"""\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`""", code))
    written = set(re.findall(r"[a-z][\w-]*", texts)) | FROM_DATA
    for sheet in PAGE.glob("*.css"):
        rules = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        selectors = " ".join(re.findall(r"([^{};]+)\{", rules))
        unused = set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors)) - written
        assert unused == set(), sheet.name
