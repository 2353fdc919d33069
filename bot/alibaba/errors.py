"""From the vendor's error code to an error of our tree, with words to act on.

The code decides, not the HTTP status: the vendor sends one code with several statuses. The
status decides only where there is no code that we know. The vendor's own message is never
kept: it can repeat parts of the request, and the code says as much.

The words for each code are in `bot.alibaba.codes`.
"""

import re

from bot.alibaba.codes import Kind, Words, known, words_for
from bot.errors import (
    AlibabaError,
    AlreadyGone,
    AlreadyThere,
    Busy,
    CredentialsRejected,
    NoSuchConnection,
    OutcomeUnknown,
    PermissionDenied,
    Rejected,
    Throttled,
)
from bot.models import Value

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_MILLISECONDS = re.compile(r"[0-9]{1,7}", re.ASCII)

_CLIENT_ERRORS = range(400, 500)
_REQUEST_TIMEOUT = 408
_TOO_MANY = 429

_CLASSES: dict[Kind, type[AlibabaError]] = {
    Kind.BUSY: Busy,
    Kind.CLOCK: CredentialsRejected,
    Kind.ALREADY_GONE: AlreadyGone,
    Kind.ALREADY_THERE: AlreadyThere,
    Kind.CREDENTIALS: CredentialsRejected,
    Kind.PERMISSION: PermissionDenied,
    Kind.NO_CONNECTION: NoSuchConnection,
    Kind.FINAL: Rejected,
}
_MOOT = {Kind.ALREADY_GONE: "DeleteVcoRouteEntry", Kind.ALREADY_THERE: "CreateVcoRouteEntry"}
"""The call whose work is done already by this; to any other it is a refusal like the rest."""


class Call(Value, frozen=True):
    """Which call an error is about: the words name its action and its resource."""

    action: str
    region: str
    vpn_connection_id: str = "*"

    @property
    def changes(self) -> bool:
        """Whether the call can have an effect."""
        return not self.action.startswith("Describe")

    @property
    def permission(self) -> str:
        """The RAM action and resource that the call needs."""
        if self.action == "DescribeRegions":
            return "vpc:DescribeRegions on *"
        resource = f"acs:vpc:{self.region}:*:vpnconnection/{self.vpn_connection_id}"
        return f"vpc:{self.action} on {resource}"


class Answer(Value, frozen=True):
    """What is read of an error answer; build it with `answer`, which refuses odd text."""

    status: int
    code: str = ""
    request_id: str = ""
    retry_after: float | None = None
    clock_ahead: float | None = None


def answer(
    status: int,
    *,
    code: object = "",
    request_id: object = "",
    retry_after_ms: str = "",
    clock_ahead: float | None = None,
) -> Answer:
    """An answer's harmless parts; what has not the expected form is left empty.

    Args:
        status: the HTTP status.
        code: the body's `Code`, as it came.
        request_id: the body's `RequestId`, as it came.
        retry_after_ms: the header x-acs-retry-after, in milliseconds.
        clock_ahead: by how many seconds our clock is ahead of the service's, where known.
    """
    waiting = int(retry_after_ms) / 1000 if _MILLISECONDS.fullmatch(retry_after_ms) else None
    return Answer(
        status=status,
        code=code if isinstance(code, str) and _CODE.fullmatch(code) else "",
        request_id=clean_request_id(request_id),
        retry_after=waiting,
        clock_ahead=clock_ahead,
    )


def clean_request_id(text: object) -> str:
    """Alibaba Cloud's request id where it looks like one, else nothing."""
    return text if isinstance(text, str) and _REQUEST_ID.fullmatch(text) else ""


def is_error(answer: Answer) -> bool:
    """Whether an answer is a refusal or a failure; a code of the table is, at any status."""
    return not 200 <= answer.status < 300 or known(answer.code)  # noqa: PLR2004  (HTTP's 2xx)


def classify(answer: Answer, call: Call) -> AlibabaError:
    """The error to raise for an answer that is not a success."""
    if not answer.code:
        return no_reliable_answer(
            "Answer.NoCode", call, f"It answered HTTP {answer.status} without an error code."
        )
    words = words_for(answer.code)
    if answer.retry_after:
        # Whatever the code: it says when to come back (the SDK reads it so, too).
        return _throttled(answer, call, perhaps_done=_perhaps_done(answer, words))
    if words is None:
        return _unknown_code(answer, call)
    return _known_code(words, answer, call)


def no_reliable_answer(
    code: str, call: Call, what: str, alibaba_request_id: str = ""
) -> OutcomeUnknown:
    """The error for an answer that was lost or can't be trusted; `what` is one sentence."""
    if call.changes:
        meaning = f"{what} {call.action} may have taken effect all the same."
        next_step = "The routes are read before it is repeated, with the same ClientToken."
    else:
        # Of a read alone: what a send before it has done is not for this error to say.
        meaning = what
        next_step = (
            "Nothing was changed. Try again in a moment. If it stays so, look at Alibaba Cloud's "
            "status page."
        )
    return OutcomeUnknown(
        code, meaning=meaning, next_step=next_step, alibaba_request_id=alibaba_request_id
    )


def _known_code(words: Words, answer: Answer, call: Call) -> AlibabaError:
    if words.kind in (Kind.SERVER, Kind.REPEATED):
        return no_reliable_answer(answer.code, call, words.meaning, answer.request_id)
    meaning = words.meaning.format(action=call.action)
    if words.kind is Kind.CLOCK:
        meaning = f"{meaning} {_clock(answer)}".strip()
    next_step = words.next_step.format(permission=f"`{call.permission}`", action=call.action)
    if words.kind is Kind.THROTTLED:
        return _throttled(answer, call)
    class_ = _CLASSES[words.kind]
    if _MOOT.get(words.kind, call.action) != call.action:
        class_ = Rejected
    return class_(
        answer.code, meaning=meaning, next_step=next_step, alibaba_request_id=answer.request_id
    )


def _perhaps_done(answer: Answer, words: Words | None) -> bool:
    """Whether a call that is welcome later may have been carried out all the same."""
    if words is None:
        return answer.status not in _CLIENT_ERRORS or answer.status == _REQUEST_TIMEOUT
    return words.kind in (Kind.SERVER, Kind.REPEATED)


def _throttled(answer: Answer, call: Call, *, perhaps_done: bool = False) -> Throttled:
    """The call is welcome later."""
    return Throttled(
        answer.code,
        meaning=f"Alibaba Cloud takes no more {call.action} in {call.region} for the moment.",
        next_step="Nothing to do: it is tried again, more slowly.",
        alibaba_request_id=answer.request_id,
        retry_after=answer.retry_after,
        perhaps_done=perhaps_done and call.changes,
    )


def _unknown_code(answer: Answer, call: Call) -> AlibabaError:
    if answer.status == _TOO_MANY:
        return _throttled(answer, call)
    if answer.status not in _CLIENT_ERRORS or answer.status == _REQUEST_TIMEOUT:
        what = f"Alibaba Cloud answered HTTP {answer.status}, {answer.code}."
        return no_reliable_answer(answer.code, call, what, answer.request_id)
    return Rejected(
        answer.code,
        meaning=(
            f"Alibaba Cloud refused {call.action} (HTTP {answer.status}) with a code that this "
            "bot does not know."
        ),
        next_step=(
            "Look the code up in Alibaba Cloud's VPN Gateway error codes, or open a ticket "
            "there with the request id."
        ),
        alibaba_request_id=answer.request_id,
    )


def _clock(answer: Answer) -> str:
    if answer.clock_ahead is None:
        return ""
    way = "ahead of" if answer.clock_ahead > 0 else "behind"
    return f"The bot's clock is {abs(answer.clock_ahead):.0f} s {way} Alibaba Cloud's."
