"""What a process costs, read from /proc; times in seconds, memory in MiB."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12
"""Which fields of /proc/…/stat, counted after the name, are its times."""


def resident(pid: int | None) -> float:
    """The resident memory of a program and of the process that guards it: the larger one."""
    found = 0.0
    for fields in _family(pid):
        if "VmRSS" in fields:
            found = max(found, int(fields["VmRSS"].split()[0]) / 1024)
    return found


def busy(pid: int | None) -> float:
    """For how long a program has kept a processor busy since its start."""
    ticks = 0
    for fields in _family(pid):
        stat = Path(f"/proc/{fields['Pid'].strip()}/stat").read_text()
        values = stat.rpartition(")")[2].split()
        ticks += int(values[_USER]) + int(values[_SYSTEM])
    return ticks / _TICKS


def _family(pid: int | None) -> Iterator[dict[str, str]]:
    """The status of a process and of its children."""
    assert pid is not None
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = dict(line.split(":", 1) for line in lines)
        if pid in (int(fields["Pid"]), int(fields["PPid"])):
            yield fields
