"""Faults on demand: what the Web API does wrong on purpose, for the tests."""

from enum import StrEnum

import msgspec


class FaultKind(StrEnum):
    """How a call goes wrong. Only `HANG` and `LOST` let it take effect."""

    HTTP = "http"
    RATE_LIMITED = "rate_limited"
    HANG = "hang"
    LOST = "lost"
    HTML = "html"
    ERROR = "error"
    EMPTY = "empty"


class Fault(msgspec.Struct, kw_only=True):
    """One planned fault. `method` may be `*`; `times` None means until it is removed."""

    method: str
    kind: FaultKind
    times: int | None = 1
    status: int = 500
    retry_after: int = 1
    seconds: float = 10.0
    error: str = "internal_error"


class Faults:
    """The plan. Calls to a response_url count as the method `response_url`."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(  # noqa: PLR0913 - one keyword for each kind's detail
        self,
        method: str,
        kind: FaultKind | str,
        *,
        times: int | None = 1,
        status: int = 500,
        retry_after: int = 1,
        seconds: float = 10.0,
        error: str = "internal_error",
    ) -> Fault:
        """Plan a fault for the next `times` calls of a method; faults apply in their order."""
        fault = Fault(
            method=method,
            kind=FaultKind(kind),
            times=times,
            status=status,
            retry_after=retry_after,
            seconds=seconds,
            error=error,
        )
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Forget the plan."""
        self._planned.clear()

    def take(self, method: str) -> Fault | None:
        """The fault of this call, used up by it."""
        for fault in self._planned:
            if fault.method not in (method, "*"):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
            return fault
        return None
