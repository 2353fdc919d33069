"""A package's docstring is its map: whoever reads it finds every module."""

import ast
import re
from pathlib import Path

import pytest

BOT = Path(__file__).parents[2] / "bot"
PACKAGES = sorted(init.parent for init in BOT.rglob("__init__.py"))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: str(p.relative_to(BOT.parent)))
def test_a_package_names_each_of_its_modules(package: Path) -> None:
    says = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert {name for name in modules if not re.search(rf"\b{name}\b", says)} == set()
