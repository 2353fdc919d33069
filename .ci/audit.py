"""Ask whether weaknesses are known of the versions in the locks, with pip-audit.

Exit status 1 where one is; where it can't be asked, a warning and 0: a registry that is down must
stop nobody from mending something else.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PIP_AUDIT = "pip-audit==2.10.1"
LOCKS = ("requirements.lock", "requirements-otel.lock")
SECONDS = 120
ROOT = Path(__file__).parents[1]


def main(more: Sequence[str]) -> int:
    """Audit the locks, with `more` options of pip-audit."""
    with tempfile.TemporaryDirectory() as directory:
        found = Path(directory) / "found.json"
        try:
            _run([*_tool(), *_options(found), *more])
            report = json.loads(found.read_text())
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            print(f"warning: weaknesses could not be asked for ({type(error).__name__})")
            return 0
    return judged(report)


def judged(report: dict[str, list[dict[str, object]]]) -> int:
    """Say what pip-audit has found; its exit status."""
    packages = report.get("dependencies", [])
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    weak = [one for one in packages if one.get("vulns")]
    if skipped:
        print(f"warning: nothing is known of {len(skipped)} packages: {', '.join(skipped[:5])} …")
    for one in weak:
        for vuln in one["vulns"]:
            mend = ", ".join(vuln.get("fix_versions", [])) or "no version yet"
            print(f"{one['name']} {one['version']}: {vuln['id']}, mended in {mend}")
    print(f"audit: {len(weak)} of {len(packages)} packages have known weaknesses")
    return 1 if weak else 0


def _tool() -> list[str]:
    """pip-audit in an environment of its own, made once."""
    place = ROOT / ".venv-audit"
    python = place / "bin" / "python"
    if not (place / "bin" / "pip-audit").exists():
        _run([sys.executable, "-m", "venv", str(place)])
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([str(python), *install, "--only-binary", ":all:", PIP_AUDIT])
    return [str(python), "-m", "pip_audit"]


def _options(found: Path) -> list[str]:
    locks = [part for lock in LOCKS for part in ("--requirement", str(ROOT / lock))]
    how = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", "10")
    return [*locks, *how, "--format", "json", "--output", str(found)]


def _run(command: Sequence[str]) -> None:
    # Its own status is 1 for what it found as well as for what it could not ask.
    subprocess.run(command, timeout=SECONDS, check=False, capture_output=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
