"""The interpreter of a deployment: it finds what `requirements.lock` names, and nothing else.

Libraries import more where more is installed: structlog takes rich, which development has for its
import linter, and redis-py OpenTelemetry. An image has neither.
"""

import re
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_LOCK = Path(__file__).parents[2] / "requirements.lock"


def interpreter(into: Path) -> str:
    """Make its environment in a new folder, of links to what is installed here."""
    venv.create(into, symlinks=True)
    [packages] = into.glob("lib/*/site-packages")
    for name in re.findall(r"^([\w.-]+)==", _LOCK.read_text(), re.MULTILINE):
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # another system or Python wants it
        for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(str(installed.locate_file(top)))
    return str(into / "bin" / "python")
